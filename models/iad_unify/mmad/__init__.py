"""MMAD, a benchmark of multiple-choice questions about industrial pictures (arXiv 2410.09453): scoring and running."""
