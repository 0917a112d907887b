"""Training a region expert: where pictures come from, what is learnt, the loop and its files."""
