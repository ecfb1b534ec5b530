"""A vision transformer for MNIST, in the shapes of arXiv:2308.14711, table 3."""

from training.vision.recipe import VisionRecipe

ABOUT = "a vision transformer with FFFs inside, for MNIST: l = 8, d = 4"
RECIPE = VisionRecipe(name="vit-mnist")
