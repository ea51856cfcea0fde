"""
A Midjourney gateway and a webhook receiver to try the bridge against, with no account.

`gateway` behaves like a new-api server with a midjourney-proxy behind it, down to its bad
habits; `receiver` verifies what the bridge sends and shows it. Both speak HTTP only: nothing
here is imported by the bridge itself, and nothing of the bridge by them.
"""
