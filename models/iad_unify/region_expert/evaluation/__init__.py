"""Measuring a region expert on pictures that it has not learnt from."""
