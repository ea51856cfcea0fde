"""Processes and files of this machine: the embedded store, the run file, the lock."""
