"""eFFF with its master leaf of 8 neurons (arXiv:2405.16836); the rest as `efff_paper`."""

from dataclasses import replace

from training.recipes.efff_paper import RECIPE as EFFF_PAPER

ABOUT = "the same with its master leaf"
RECIPE = replace(EFFF_PAPER, name="efff-master", master_width=8)
