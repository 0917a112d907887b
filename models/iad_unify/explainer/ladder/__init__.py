"""The ladder: what an explainer says when its regions are true, predicted, the whole picture, or none at all."""
