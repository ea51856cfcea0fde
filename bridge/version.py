"""The version, on its own so that everybody may know it."""

__version__ = "0.1.0"
