"""
What of a stored recipe makes a difference: two networks of one treatment have the same.

A manifest holds the recipe that a version of the code knew: fields that came later have their
defaults, and those that the network's kind or its other fields leave without effect count for
nothing. The shape is the manifest's own and the data are told by their hashes, so what a recipe
says of them is left out too.

Covered:      recipes of every version. A test keeps the defaults those of `training.recipe`,
              which nothing here may import.
Not covered:  names of recipes and families (`evaluation.report.contenders`).
"""

from collections.abc import Mapping

Value = str | int | float | bool

DEFAULTS: dict[str, Value] = {
    "gate": "sigmoid",
    "temperature": 1.0,
    "final_temperature": 1.0,
    "competing_share": 0.0,
    "frozen_share": 0.0,
    "hardening": 0.0,
    "hardening_ramp_epochs": 0,
    "load_balance": 0.0,
    "region_leak": 0.0,
    "leaf_dropout": 0.0,
    "optimiser": "adamw",
    "learning_rate": 1e-3,
    "schedule": "constant",
    "weight_decay": 0.01,
    "batch_rows": 256,
    "epochs": 100,
    "patience": 20,
    "second_epochs": 0,
    "second_hardening": 0.0,
    "second_load_balance": 0.0,
    "validation_share": 0.1,
    "shift_pixels": 0,
    "warp": 0.0,
    "components": 0,
    "teacher": "none",
    "teacher_weight": 0.0,
    "teacher_temperature": 2.0,
    "uint8_scale": 1 / 255,
    "uint8_shift": 0.0,
}
"""Of every field of a recipe that is not about the network's kind and shape."""

_OF_THE_MANIFEST = frozenset(
    (
        *("seed", "data", "family", "activation", "depth", "leaf_width", "master_width"),
        *("hidden_width", "rank", "experts", "top_k"),
    )
)
_OF_LEARNT_ROUTING = frozenset(
    (
        *("gate", "temperature", "competing_share", "frozen_share", "hardening", "load_balance"),
        *("region_leak", "second_hardening", "second_load_balance"),
    )
)
# Its soft decisions, which a fixed tree has too, are divided by it.
_OF_A_TREE = _OF_LEARNT_ROUTING | {"final_temperature"}
_OF_FIELD_TREES = frozenset(
    (
        *("splits", "least_rows", "overlap", "overlap_weight", "ridge", "iterations", "patience"),
        "least_depth",
    )
)
_OF_FIELD_RIVALS = frozenset(("epochs", "batch_rows", "learning_rate"))
_OF_FOURIER, _OF_SIREN = frozenset(("fourier_features", "fourier_scale")), frozenset(("frequency",))
_OF_A_TEACHER = frozenset(("teacher_weight", "teacher_temperature"))


def treatment(recipe: Mapping[str, Value], is_tree: bool, learns_routing: bool) -> dict[str, Value]:
    """
    Say how a network was trained, but for its shape, data and seed.

    Args:
        recipe: As a manifest has it.
        is_tree: Whether the network is one.
        learns_routing: Whether its routers were trained.

    Returns:
        Name and value of each field that counts. Unknown ones do.
    """
    if "splits" in recipe:
        return _of_a_field(recipe, is_tree)
    whole = DEFAULTS | dict(recipe)
    idle = set(_OF_THE_MANIFEST)
    if not learns_routing:
        idle |= _OF_LEARNT_ROUTING if is_tree else _OF_A_TREE
    if whole["teacher"] == "none":
        idle |= _OF_A_TEACHER
    return {name: _plain(value) for name, value in whole.items() if name not in idle}


def _of_a_field(recipe: Mapping[str, Value], is_tree: bool) -> dict[str, Value]:
    """Of a recipe of `training.field`: a tree has no epochs, and a rival no splits."""
    family = recipe.get("family")
    idle = _OF_THE_MANIFEST | {"hidden_layers"} | (_OF_FIELD_RIVALS if is_tree else _OF_FIELD_TREES)
    if family != "fourier":
        idle |= _OF_FOURIER
    if family != "siren":
        idle |= _OF_SIREN
    return {name: _plain(value) for name, value in recipe.items() if name not in idle}


def _plain(value: Value) -> Value:
    """A number as a float: 0 and 0.0 are the same treatment."""
    return float(value) if isinstance(value, int) else value
