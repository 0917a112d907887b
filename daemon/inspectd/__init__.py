"""inspectd: a streaming inspection daemon. Importing it imports no driver and no model."""

__version__ = "0.1.0"
