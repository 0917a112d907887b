"""Procedural drawings of products and defects: what the shipped models are trained on. Needs numpy and cv2 only."""

from iad_unify.procedural.drawing import USUAL_DEFECTS, Drawing, DrawnDefect, defect_mask, draw, draw_random
from iad_unify.procedural.products import PRODUCTS

__all__ = ["PRODUCTS", "USUAL_DEFECTS", "Drawing", "DrawnDefect", "defect_mask", "draw", "draw_random"]
