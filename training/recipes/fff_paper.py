"""
Belcak and Wattenhofer, arXiv:2308.14711, table 1: plain SGD of 0.2, batches of 256, h = 3.

No master leaf, no load balance; l = 8 and w = 128 of its grid. The paper is silent on three things:
input scale (here [0, 1]), patience (50) and the most epochs (500).
"""

from training.recipe import Recipe

ABOUT = "as in arXiv:2308.14711, table 1: to compare with"
RECIPE = Recipe(
    name="fff-paper",
    data="images",
    depth=4,
    leaf_width=8,
    hardening=3.0,
    optimiser="sgd",
    learning_rate=0.2,
    weight_decay=0.0,
    batch_rows=256,
    epochs=500,
    patience=50,
)
