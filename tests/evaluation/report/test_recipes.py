"""What of a recipe counts, against what training does with it."""

from dataclasses import MISSING, fields
from typing import Any

import pytest
import torch

from evaluation.report.recipes import DEFAULTS, treatment
from tests.training.toys import TOY, quarters, trained
from training.recipe import Recipe

DATA = quarters(60, seed=1)
OF_THE_SHAPE = {
    *("family", "activation", "depth", "leaf_width", "master_width", "hidden_width"),
    *("rank", "experts", "top_k"),
}
BASE: dict[str, Any] = {"region_leak": 0, "epochs": 3, "frozen_share": 0.2}
OTHERWISE: dict[str, Any] = {
    "gate": "path_violation",
    "temperature": 0.5,
    "final_temperature": 0.25,
    "competing_share": 0.3,
    "frozen_share": 0.4,
    "hardening": 1.0,
    "load_balance": 0.2,
    "second_hardening": 2.0,
    "second_load_balance": 3.0,
    "teacher_weight": 0.3,
    "teacher_temperature": 4.0,
}


def test_defaults_are_those_of_a_recipe() -> None:
    """A new field of a recipe stands in `DEFAULTS` too, or its networks split from older ones."""
    with_default = {f.name: f.default for f in fields(Recipe) if f.default is not MISSING}

    assert {n: v for n, v in with_default.items() if n not in OF_THE_SHAPE} == DEFAULTS


@pytest.mark.parametrize("family", ["fff", "fixed_tree", "dense", "low_rank", "mixture"])
def test_fields_that_do_not_count_change_no_bit_of_a_network(family: str) -> None:
    is_tree, learns = family in ("fff", "fixed_tree"), family == "fff"
    base = TOY.override(BASE | {"family": family})
    counts = treatment(base.fields(), is_tree, learns)
    other = base.override({n: v for n, v in OTHERWISE.items() if n not in counts})

    assert treatment(other.fields(), is_tree, learns) == counts
    assert other != base
    ours, theirs = (trained(DATA, recipe, 3).weights.tensors() for recipe in (base, other))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_what_the_manifest_says_itself_does_not_count_again() -> None:
    """Older recipes name the data otherwise; their hashes tell."""
    older = TOY.fields() | {"data": "mnist", "depth": 9, "activation": "silu"}

    assert treatment(older, True, True) == treatment(TOY.fields(), True, True)


def test_of_a_tree_that_learns_to_route_every_field_of_routing_counts() -> None:
    counts = treatment(TOY.fields(), True, True)

    assert {*OTHERWISE} - {"teacher_weight", "teacher_temperature"} <= counts.keys()
    assert "teacher_weight" in treatment(TOY.fields() | {"teacher": "mlp"}, True, True)
