"""
Belcak and Wattenhofer, arXiv:2308.14711, table 1: plain SGD of 0.2, batches of 256, h = 3.

No master leaf, no load balance; l = 8 and w = 128 of its grid. The paper is silent on three things:
input scale, patience (50) and the most epochs (500).

The first decides. A hardening loss of weight 3 makes nodes firm before they have learnt anything,
and firm on the side that their rows are on. Pixels in [0, 1] or [-1, 1] have most of their length
in common, so all rows are on one side: 1 leaf, 92.8 and 56.8 % (seed 0, MNIST, 100 epochs,
2026-11-27). Pixels of mean 0 and deviation 1 over MNIST, the usual scaling in PyTorch, are on
both: 94.2 %, by 3 leaves. Ten seeds: 93.7 with a deviation of 0.4, at best 94.15, by 1 to 3
leaves, after 21 to 129 epochs (2026-11-28); theirs had 94.9 at best, and a deviation of 0.6. A
weight of 1, 0.3 or 0.1 is no way out: 94.4 each, by 3 or 4 leaves (seed 0).
"""

from training.recipe import Recipe

ABOUT = "as in arXiv:2308.14711, table 1: to compare with"
MEAN, DEVIATION = 0.1307, 0.3081  # of MNIST's pixels in [0, 1]
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
    uint8_scale=1 / (255 * DEVIATION),
    uint8_shift=-MEAN / DEVIATION,
)
