"""
Our recipe: decisions that harden until they are those that are served, and a teacher.

Each part was measured alone: docs/decisions/0019-recipe.md.
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
    epochs=100,
    patience=100,
    shift_pixels=1,
    components=200,
    teacher="mlp",
    teacher_weight=0.7,
    teacher_temperature=2.0,
    uint8_scale=2 / 255,  # [-1, 1]
    uint8_shift=-1.0,
)
