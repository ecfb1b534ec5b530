"""Publishing what is the newest version already adds nothing; a baseline has to be one."""

from pathlib import Path

import pytest

from fff.weights import Weights
from model_store.errors import ManifestInvalid
from model_store.manifest import ImportOrigin, TrainingOrigin
from model_store.store import Store
from model_store.version_files import WEIGHTS_FILE
from tests.fff.networks import dense, tree
from tests.model_store.conftest import ORIGIN


def test_the_same_again_is_the_version_that_is_there(store: Store) -> None:
    first = store.publish("twin", dense(6, 7, 4), origin=ORIGIN)

    again = store.publish("twin", dense(6, 7, 4), origin=ORIGIN)

    assert (first.is_new, again.is_new) == (True, False)
    assert (again.version, again.manifest) == (1, first.manifest)
    assert [path.name for path in (store.root / "twin").iterdir()] == ["1"]


def test_the_same_training_in_another_time_adds_nothing(store: Store) -> None:
    def trained_in(seconds: float) -> TrainingOrigin:
        return TrainingOrigin(recipe={"name": "r"}, seed=0, metrics={}, seconds=seconds)

    first = store.publish("twin", dense(6, 7, 4), origin=trained_in(1.5))
    again = store.publish("twin", dense(6, 7, 4), origin=trained_in(2.5))

    assert (again.version, again.is_new, again.manifest) == (1, False, first.manifest)


@pytest.mark.parametrize(
    ("weights", "fields"),
    [
        (dense(6, 8, 4), {}),
        (dense(6, 7, 4), {"uint8": {"scale": 0.5, "shift": 0.0}}),
        (dense(6, 7, 4, activation="gelu"), {}),
        (dense(6, 7, 4), {"origin": ImportOrigin(format="efff", sha256="2" * 64)}),
    ],
    ids=["weights", "scaling", "activation", "origin"],
)
def test_what_differs_is_a_new_version(
    store: Store, weights: Weights, fields: dict[str, object]
) -> None:
    store.publish("twin", dense(6, 7, 4), origin=ORIGIN)

    assert store.publish("twin", weights, **({"origin": ORIGIN} | fields)).version == 2


def test_an_older_version_again_becomes_the_newest(store: Store) -> None:
    """The newest is what serves by default."""
    versions = [
        store.publish("twin", dense(6, width, 4), origin=ORIGIN).version for width in (7, 8, 7)
    ]

    assert versions == [1, 2, 3]


def test_the_same_again_mends_a_version_that_is_damaged(store: Store) -> None:
    store.publish("twin", dense(6, 7, 4), origin=ORIGIN)
    (store.folder("twin", 1) / WEIGHTS_FILE).write_bytes(b"")

    again = store.publish("twin", dense(6, 7, 4), origin=ORIGIN)

    assert (again.version, again.is_new) == (2, True)
    assert store.load("twin").version == 2


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        ("nonesuch", "'nonesuch' is not in the store; it holds: narrow, toy"),
        ("toy", "'toy' has layers that route"),
        ("narrow", "takes and predicts the same; 'narrow' is 5 -> 4, not 6 -> 4"),
        ("new", "got its own name"),
    ],
)
def test_a_baseline_is_another_model_without_a_tree_of_the_same_widths(
    store: Store, baseline: str, message: str
) -> None:
    store.publish("narrow", dense(5, 7, 4), origin=ORIGIN)

    with pytest.raises(ManifestInvalid, match=f"'new': its baseline must be .*{message}"):
        store.publish("new", tree(6, 2, 3, 4), origin=ORIGIN, baseline=baseline)

    assert not (store.root / "new").exists()


def test_a_store_that_is_not_there_is_said_with_the_way_to_make_one(tmp_path: Path) -> None:
    from model_store.errors import StoreMissing

    missing, file = tmp_path / "no where", tmp_path / "file"
    file.touch()

    with pytest.raises(StoreMissing, match="is none .to make a new one: mkdir -p '.*no where'"):
        Store.at(missing)
    with pytest.raises(StoreMissing, match="file is none .something else is there"):
        Store.at(file)
    assert not missing.exists()
