"""What a checkpoint is shown as, and with which others it is one point."""

from pathlib import Path

import pytest

from evaluation.report.contenders import contender_of
from model_store.manifest import ImportOrigin
from model_store.store import DEMO_STORE, Store
from tests.evaluation.report.made_up import SCALING, dense, fff, publish


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
    found = {name: contender_of(demo.load(name)) for name in demo.models()}

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
