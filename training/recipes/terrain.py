"""The demo's field: elevations of a valley, which come with matplotlib."""

from dataclasses import replace

from training.recipes.field import RECIPE as FIELD

ABOUT = "elevations of a valley, no --data needed: the demo's field"
RECIPE = replace(FIELD, name="terrain", data="terrain")
