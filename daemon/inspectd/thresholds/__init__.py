"""Decision thresholds: versioned configuration, and how one is found from good parts."""
