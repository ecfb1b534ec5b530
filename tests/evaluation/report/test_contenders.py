"""What a checkpoint is shown as, and with which others it is one point."""

from pathlib import Path
from typing import Any

import pytest

from evaluation.report.contenders import contender_of, told_apart
from fff.weights import Weights
from model_store.manifest import ImportOrigin
from model_store.store import DEMO_STORE, Store
from tests.evaluation.report.made_up import SCALING, dense, fff, publish
from tests.fff.networks import multilayer, raster


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.mark.parametrize(
    ("recipe", "family"),
    [
        ({"name": "ours", "family": "fff"}, "fff"),
        ({"name": "mnist"}, "fff"),
        ({"name": "fff-paper", "family": "fff"}, "fff-paper"),
        ({"name": "efff-master", "family": "fff"}, "efff-master"),
        ({"name": "ours", "family": "fixed_tree"}, "fixed_tree"),
    ],
)
def test_a_tree_is_shown_by_its_recipe(store: Store, recipe: dict[str, str], family: str) -> None:
    assert contender_of(publish(store, "a", fff(0), 0, **recipe)).family == family


def test_a_dense_twin_is_dense_though_its_recipe_is_that_of_its_fff() -> None:
    demo = Store(DEMO_STORE)
    found = {name: contender_of(demo.load(name)) for name in ("digits", "digits-dense")}

    assert {name: each.family for name, each in found.items()} == {
        "digits": "fff",
        "digits-dense": "dense",
    }
    assert found["digits"].label == "ℓ8 d4 m8"
    assert found["digits-dense"].label == "w136"


def test_a_tree_of_one_leaf_is_a_dense_network(store: Store) -> None:
    contender = contender_of(publish(store, "a", fff(0, depth=0), 0))

    assert (contender.family, contender.label) == ("dense", "ℓ2 d0")


def test_seeds_of_a_recipe_are_one_group_and_nothing_else_is(store: Store) -> None:
    first = publish(store, "first", fff(0), 0, epochs=3)
    others = [
        publish(store, "again", fff(1), 1, epochs=3),
        publish(store, "longer", fff(2), 2, epochs=4),
        publish(store, "wider", fff(3, leaf=3), 3, epochs=3),
        publish(store, "dense", dense(4), 4, epochs=3),
    ]

    group = contender_of(first).group
    assert [contender_of(other).group == group for other in others] == [True, *[False] * 3]


def groups(store: Store, *others: tuple[str, Weights, dict[str, Any]]) -> list[str]:
    return [
        contender_of(publish(store, name, weights, seed, **recipe)).group
        for seed, (name, weights, recipe) in enumerate(others)
    ]


def test_networks_of_other_data_are_other_points(store: Store) -> None:
    """Whether they learnt from other images or were tested on others."""
    found = groups(
        store,
        *(("tree", fff(0), {}), ("again", fff(1), {})),
        ("taught-otherwise", fff(2), {"trained_on": "1" * 64}),
        ("tested-otherwise", fff(3), {"tested_on": "1" * 64}),
    )

    assert found[0] == found[1]
    assert len({*found}) == 3


def test_a_field_that_came_later_has_its_default_in_older_recipes(store: Store) -> None:
    older, newer, other = groups(
        store,
        ("older", fff(0), {"epochs": 3}),
        ("newer", fff(1), {"epochs": 3, "competing_share": 0.0, "optimiser": "adamw", "warp": 0}),
        ("other", fff(2), {"epochs": 3, "competing_share": 0.5}),
    )

    assert older == newer != other


def test_a_dense_network_is_the_same_whatever_tree_it_is_the_twin_of(store: Store) -> None:
    of_wide = {"leaf_width": 8, "depth": 4, "gate": "path_violation", "load_balance": 0.1}
    of_narrow = {"leaf_width": 4, "depth": 5, "gate": "sigmoid", "load_balance": 0.0}
    dense_twins = groups(store, ("wide", dense(0), of_wide), ("narrow", dense(1), of_narrow))
    trees = groups(store, ("tree", fff(0), of_wide), ("other", fff(1), of_narrow))

    assert dense_twins[0] == dense_twins[1]
    assert trees[0] != trees[1]


def test_what_was_not_trained_here_is_a_group_of_one_by_its_name(store: Store) -> None:
    origin = ImportOrigin(format="toy", sha256="0" * 64)
    found = [
        contender_of(store.publish(name, fff(0), origin=origin, uint8=SCALING))
        for name in ("one", "two")
    ]

    assert [(c.family, c.recipe, c.seed) for c in found] == [
        ("fff-imported", "one", None),
        ("fff-imported", "two", None),
    ]
    assert found[0].group != found[1].group


@pytest.mark.parametrize(
    ("weights", "family", "label"),
    [
        (multilayer(64, (9, 7), 10), "multilayer", "w9×7"),
        (multilayer(64, (9,), 10, "sine"), "siren", "w9"),
        (multilayer(64, (9,), 10, "relu", features=5), "fourier", "w9 f5"),
        (raster((3, 5), 10), "raster", "3×5"),
    ],
)
def test_what_no_column_has_is_in_the_label_and_keeps_groups_apart(
    store: Store, weights: Weights, family: str, label: str
) -> None:
    shown = contender_of(publish(store, "a", weights, 0))
    other = contender_of(publish(store, "b", multilayer(64, (8,), 10), 0))

    assert (shown.family, shown.label, shown.shape) == (family, label, {})
    assert shown.group != other.group


def test_points_that_a_label_does_not_tell_apart_are_told_by_what_differs(store: Store) -> None:
    """A tree's epochs are those of its rivals: nothing that differs."""
    of_field: dict[str, Any] = {"splits": "median", "overlap": 0.3, "epochs": 30}
    others: list[dict[str, Any]] = [{}, {"overlap": 0.5}, {"epochs": 60}]
    found = [
        contender_of(publish(store, str(number), fff(0), 0, **of_field | changed))
        for number, changed in enumerate(others)
    ]

    assert found[0].group == found[2].group
    assert found[0].group != found[1].group
    assert told_apart(found[:2]) == ["ℓ2 d2, overlap 0.3", "ℓ2 d2, overlap 0.5"]
    assert told_apart([found[0], found[2]]) == ["ℓ2 d2", "ℓ2 d2"]
