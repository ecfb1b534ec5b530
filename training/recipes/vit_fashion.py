"""A vision transformer for FashionMNIST, in the shapes of arXiv:2308.14711, table 3."""

from training.vision.recipe import VisionRecipe

ABOUT = "a vision transformer with FFFs inside, for FashionMNIST: l = 8, d = 4"
RECIPE = VisionRecipe(name="vit-fashion")
