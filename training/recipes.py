"""
Recipes by name, each with where its settings come from and what it was measured to reach.

Covered:      the demo's digits, MNIST and its kin, the first paper's MNIST.
Not covered:  what the fields mean and may be (`training.recipe`).
"""

from dataclasses import replace

from training.errors import RecipeError
from training.recipe import Recipe

# From eFFF (arXiv:2405.16836): inputs in [-1, 1], AdamW, master leaf, load balance, the tree of
# its largest MNIST networks. Ours: ramp, leak, rate. Seed 0 on MNIST reaches hard 95.1 %, soft
# 95.3 %, 15 of 16 leaves, the twin 97.4 %, in two minutes on one core (2026-11-24). Shorter runs
# beside it: constant h = 3 keeps 6 leaves (94.7 %), a ramp to 3 without leak all 16 (94.2 %, soft
# 95.6 %). On FashionMNIST these settings have not been measured here.
_MNIST = Recipe(
    name="mnist",
    data="idx",
    depth=4,
    leaf_width=8,
    master_width=8,
    activation="relu",
    hardening=5.0,
    hardening_ramp_epochs=20,
    load_balance=1.0,
    region_leak=0.1,
    learning_rate=2e-3,
    batch_rows=256,
    epochs=40,
    patience=10,
    uint8_scale=2 / 255,  # ToTensor and Normalize(.5, .5): [-1, 1]
    uint8_shift=-1.0,
)

# Smaller images, the same network, master leaf and load balance (eFFF's) and leak (ours). The
# strength of the hardening and its ramp are ours too. Chosen over seeds in
# docs/decisions/0005-demo-pair.md.
_DIGITS = replace(
    _MNIST,
    name="digits",
    data="digits",
    activation="gelu",
    hardening=20.0,
    hardening_ramp_epochs=100,
    learning_rate=1e-2,
    batch_rows=32,
    epochs=150,
    patience=50,
    uint8_scale=2 / 16,  # 0..16 becomes [-1, 1]
)

# Belcak and Wattenhofer, arXiv:2308.14711, table 1: plain SGD of 0.2, batches of 256, h = 3,
# no master leaf, no load balance; l = 8 and w = 128 of its grid. The paper is silent on three
# things: input scale (here [0, 1]), patience (50) and the most epochs (500). Here it does not
# reach the paper's 94.9 % (best of ten): at seeds 0, 1 and 2 the decisions harden onto one single
# leaf, 92.8 to 93.1 % on the test images (2026-11-24; seeds 1 and 2 over 70 epochs). The twin's
# 97.9 % at seed 0 is near the paper's 98.1 %. The recipe is here to be compared with.
_PAPER_MNIST = Recipe(
    name="paper-mnist",
    data="idx",
    depth=4,
    leaf_width=8,
    activation="relu",
    hardening=3.0,
    optimiser="sgd",
    learning_rate=0.2,
    weight_decay=0.0,
    batch_rows=256,
    epochs=500,
    patience=50,
)

RECIPES = {
    recipe.name: recipe
    for recipe in (_DIGITS, _MNIST, replace(_MNIST, name="fashion-mnist"), _PAPER_MNIST)
}

ABOUT = {
    "digits": "scikit-learn's handwritten digits, 8x8 pixels, no --data needed: the demo pair",
    "mnist": "MNIST's IDX files: our settings for it",
    "fashion-mnist": "the same settings for FashionMNIST's IDX files",
    "paper-mnist": "MNIST as in arXiv:2308.14711, table 1: to compare with",
}
"""Each recipe in a line, for the help."""


def recipe_by_name(name: str) -> Recipe:
    """
    Look a recipe up.

    Raises:
        RecipeError: If the name is not one of `RECIPES`.
    """
    if name not in RECIPES:
        raise RecipeError(f"recipe must be one of {', '.join(RECIPES)}; got {name!r}")
    return RECIPES[name]
