"""The defect editor: paints a synthetic defect inside a mask and leaves every other pixel as it was.

Read in this order: `config` (sizes), `condition` (what text and reference reach the network), `window` (which pixels
the network sees and how its answer returns to the frame), `flow` and `inpaint` (the two networks), `sampling` (one
frame), `pairs` and `training`, `judging` and `evaluation`. The package knows nothing of cameras, events or services.
"""
