"""
A Midjourney gateway and a webhook receiver to try the bridge against, without an account.

`simulated_gateway` behaves like a new-api server with a midjourney-proxy behind it, faults
included; `receiver` verifies what the bridge sends. Both speak HTTP and nothing else: this
package imports nothing of the bridge, and only the command line imports it.
"""
