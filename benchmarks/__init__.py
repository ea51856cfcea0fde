"""Benchmarks of mjbridge; see `benchmarks.__main__`."""
