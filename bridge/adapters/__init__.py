"""The outside world: HTTP, the store, processes. I/O, and no rules."""
