"""
The demo: our recipe for scikit-learn's digits, which are fewer, smaller and of 43 hands alone.

Warping is for everybody else's hand: docs/decisions/0005-demo-pair.md.
"""

from training.recipe import Recipe

ABOUT = "scikit-learn's handwritten digits, 8x8 pixels, no --data needed: the demo pair"
RECIPE = Recipe(
    name="digits",
    data="digits",
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
    batch_rows=64,
    epochs=300,
    patience=300,
    warp=0.25,
    components=64,
    teacher="mlp",
    teacher_weight=0.7,
    teacher_temperature=2.0,
    uint8_scale=2 / 16,  # 0..16 becomes [-1, 1]
    uint8_shift=-1.0,
)
