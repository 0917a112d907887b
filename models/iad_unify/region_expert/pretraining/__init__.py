"""Self-supervised training of a backbone on unlabelled pictures, for those who have no pretrained weights."""
