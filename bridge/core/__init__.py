"""The rules of the bridge: standard library only, no I/O, no clock, no dice."""
