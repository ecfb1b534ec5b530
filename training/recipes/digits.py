"""
The demo: our recipe for scikit-learn's digits, which are fewer, smaller and of 43 hands alone.

Warping is for everybody else's hand: docs/decisions/0005-demo-pair.md.
"""

from dataclasses import replace

from training.recipes.ours import RECIPE as OURS

ABOUT = "scikit-learn's handwritten digits, 8x8 pixels, no --data needed: the demo pair"
RECIPE = replace(
    OURS,
    name="digits",
    data="digits",
    batch_rows=64,
    epochs=300,
    patience=300,
    shift_pixels=0,  # a pixel is an eighth of the image
    warp=0.4,
    components=64,  # all
    uint8_scale=2 / 16,  # 0..16 becomes [-1, 1]
)
