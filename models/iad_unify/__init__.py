"""iad_unify: one region expert grounds segmentation, understanding and generation (arXiv 2604.12440)."""
