"""Rows of a table: docs/tables.md has what it reaches, docs/decisions/0022-tables.md why."""

from training.table.recipe import TableRecipe

ABOUT = "a table: CSV or Parquet, a number or a class to predict"
RECIPE = TableRecipe(name="table")
