"""The recipes and their fields as `fff-serve train --help` lists them, read from `training`."""

from dataclasses import fields

from service.cli.help_text import Rows
from service.configuration.descriptions import attributes, first_sentence
from training.contenders import CONTENDERS
from training.field.recipe import CHOICES as FIELD_CHOICES
from training.field.recipe import RANGES as FIELD_RANGES
from training.field.recipe import FieldRecipe
from training.field.rivals import RIVALS
from training.ranges import CHOICES, RANGES, TEACHERS
from training.recipe import Recipe
from training.recipes import ABOUT, RECIPES
from training.table.recipe import CHOICES as TABLE_CHOICES
from training.table.recipe import RANGES as TABLE_RANGES
from training.table.recipe import TableRecipe
from training.table.rivals import RIVALS as TABLE_RIVALS
from training.vision.recipe import CHOICES as VISION_CHOICES
from training.vision.recipe import RANGES as VISION_RANGES
from training.vision.recipe import VisionRecipe
from training.vision.rivals import RIVALS as VISION_RIVALS


def recipe_rows() -> Rows:
    return [*ABOUT.items()]


def baseline_rows() -> Rows:
    """Of images, then those that only fields or tables have."""
    known = {**VISION_RIVALS, **TABLE_RIVALS, **RIVALS, **CONTENDERS}
    names = dict.fromkeys((*CONTENDERS, *RIVALS, *TABLE_RIVALS, *VISION_RIVALS))
    return [(name, (known[name].__doc__ or "").strip()) for name in names]


def fields_of_field_rows() -> Rows:
    """Each field that --set changes of a recipe for fields."""
    return _fields_of(FieldRecipe, FIELD_CHOICES, FIELD_RANGES)


def fields_of_table_rows() -> Rows:
    """Each field that --set changes of a recipe for tables."""
    return _fields_of(TableRecipe, TABLE_CHOICES, TABLE_RANGES)


def fields_of_vision_rows() -> Rows:
    """Each field that --set changes of a recipe for vision transformers."""
    return _fields_of(VisionRecipe, VISION_CHOICES, VISION_RANGES)


def _fields_of(
    recipe: type[FieldRecipe] | type[TableRecipe] | type[VisionRecipe],
    choices: dict[str, tuple[str, ...]],
    ranges: dict[str, tuple[float, float]],
) -> Rows:
    described = attributes(recipe)
    rows = []
    for field in fields(recipe):
        if field.name == "name":
            continue
        allowed = choices.get(field.name)
        low, high = ranges.get(field.name, (0, 0))
        span = f"one of {', '.join(allowed)}" if allowed else f"{low:g} to {high:g}"
        about = first_sentence(described.get(field.name, ""))
        default = _text(field.default)
        rows.append((f"{field.name} {_kind(field.type)}", f"{about}  [{span}; default: {default}]"))
    return rows


def field_rows() -> Rows:
    """Each field that --set changes: its type and range, what it is, its values in the recipes."""
    described = attributes(Recipe)
    return [
        (
            f"{field.name} {_kind(field.type)}",
            f"{first_sentence(described.get(field.name, ''))}  "
            f"[{_range(field.name)}{_values(field.name)}]",
        )
        for field in fields(Recipe)
        if field.name != "name"
    ]


def _kind(kind: object) -> str:
    return "INTEGER" if kind is int else "NUMBER" if kind is float else "NAME"


def _range(name: str) -> str:
    if name in CHOICES:
        return f"one of {', '.join(CHOICES[name])}; "
    if name == "teacher":
        return f"{', '.join(TEACHERS)} or a model's name; "
    low, high = RANGES[name]
    return f"{low:g} to {high:g}; "


def _values(name: str) -> str:
    """`default: 4`, or which recipes have which value."""
    having: dict[str, list[str]] = {}
    for recipe in RECIPES.values():
        having.setdefault(_text(getattr(recipe, name)), []).append(recipe.name)
    if len(having) == 1:
        return f"default: {having.popitem()[0]}"
    return "; ".join(f"{', '.join(recipes)}: {value}" for value, recipes in having.items())


def _text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
