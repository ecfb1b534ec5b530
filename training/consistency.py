"""
Whether the fields of a recipe can be what they are together; each by itself they can.

Covered:      fields that would have no effect beside others, which are refused.
Not covered:  fields of another family's network: contenders have them in common with their FFF.
"""

from collections.abc import Mapping
from typing import Any

from training.errors import RecipeError

Fields = Mapping[str, Any]
"""By name; mypy has checked their types where a recipe is made."""


def check(recipe: Fields) -> None:
    """
    Check the fields beside each other.

    Raises:
        RecipeError: The first that cannot be, with what came.
    """
    _check_scale(recipe)
    _check_shares_and_experts(recipe)
    _check_effects(recipe)


def _check_scale(recipe: Fields) -> None:
    if recipe["uint8_scale"] == 0:
        raise RecipeError("uint8_scale must not be 0: every image would be the same")


def _check_shares_and_experts(recipe: Fields) -> None:
    if recipe["competing_share"] + recipe["frozen_share"] > 1:
        raise RecipeError(
            "competing_share and frozen_share must be at most 1 together, "
            f"got {recipe['competing_share']:g} and {recipe['frozen_share']:g}"
        )
    if recipe["top_k"] > recipe["experts"]:
        raise RecipeError(
            f"top_k must be at most the {recipe['experts']} experts, got {recipe['top_k']}"
        )


def _check_effects(recipe: Fields) -> None:
    gate = (
        recipe["gate"],
        recipe["temperature"],
        recipe["final_temperature"],
        recipe["competing_share"],
    )
    if recipe["region_leak"] and gate != ("sigmoid", 1, 1, 0):  # the papers'
        raise RecipeError(
            "region_leak is for the gate sigmoid with temperature and final_temperature 1 "
            "and competing_share 0"
        )
    if recipe["teacher"] != "none" and not recipe["teacher_weight"]:
        raise RecipeError(
            f"teacher_weight must be above 0 for the teacher {recipe['teacher']!r}; "
            "got 0, to have none set teacher=none"
        )
    if recipe["schedule"] == "one_cycle" and recipe["second_epochs"]:
        raise RecipeError(
            f"second_epochs must be 0 with the schedule one_cycle, got {recipe['second_epochs']}"
        )
