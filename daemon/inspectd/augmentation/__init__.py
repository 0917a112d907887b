"""Synthetic defects: jobs, the worker that paints, the dataset it writes."""
