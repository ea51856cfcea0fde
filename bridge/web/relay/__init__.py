"""The gateway: the routes of the protocol, for clients that have this bridge for their upstream."""
