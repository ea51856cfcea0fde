"""Adapters do the I/O and decide nothing; one package for each thing that is talked to."""
