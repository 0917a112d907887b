"""Confirmed defects: remembered by their regions, and found again in later events."""
