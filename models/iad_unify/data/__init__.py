"""Inspection data sets: reading, splitting by group, synthetic anomalies. Torch-free."""
