"""
Functions of few inputs: a tree grown from the rows, and leaves solved by least squares.

On the terrain of issue 15 (elevations of 344 x 403 cells, standard deviation 162.5 m, a tenth held
out), d = 12, l = 8: see docs/benchmarks.md.
"""

from training.field.recipe import FieldRecipe

ABOUT = "a field: a raster or a function of few inputs, or a table with a number to predict"
RECIPE = FieldRecipe(name="field")
