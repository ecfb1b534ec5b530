"""A vision transformer that learns in seconds which of four pixels is bright."""

from tests.training.toys import quarters
from training.vision.recipe import VisionRecipe

TRAIN, TEST = quarters(400, seed=1), quarters(100, seed=2)
TOY = VisionRecipe(
    name="vit-toy",
    depth=2,
    leaf_width=2,
    patch=1,
    token_width=8,
    layers=2,
    heads=2,
    epochs=12,
    learning_rate=2e-2,
    batch_images=32,
    sample_tokens=1000,
    layer_steps=40,
    tuning_epochs=2.5,
    tuning_learning_rate=5e-3,
)
"""Tokens are pixels; the twin has 8 neurons a layer."""
