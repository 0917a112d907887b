"""Frames that could not be inspected, kept with the reason."""
