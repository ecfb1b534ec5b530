"""
Our recipe: decisions that harden until they are those that are served, and a teacher.

On MNIST, l = 8, d = 4, master leaf 8, five seeds: 97.82 +- 0.14 % of the test images, 97.84 by the
mixture of leaves, all 16 leaves in every seed (2026-11-27). What each part is worth:
docs/decisions/0019-our-recipe.md.
"""

from training.recipe import Recipe

ABOUT = "ours, for images: decisions as they are served, learnt from a teacher"
RECIPE = Recipe(
    name="ours",
    data="images",
    depth=4,
    leaf_width=8,
    master_width=8,
    activation="gelu",
    gate="path_violation",
    temperature=1.0,
    final_temperature=0.03,
    competing_share=0.55,
    frozen_share=0.15,
    load_balance=0.1,
    learning_rate=8e-3,
    schedule="one_cycle",
    batch_rows=256,
    epochs=150,
    patience=150,
    shift_pixels=1,
    warp=0.3,
    components=200,
    teacher="mlp",
    teacher_weight=0.7,
    teacher_temperature=2.0,
    uint8_scale=2 / 255,  # [-1, 1]
    uint8_shift=-1.0,
)
