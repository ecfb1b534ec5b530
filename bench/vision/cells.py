"""
The networks of the table, each in a store once it is trained: a run goes on where it was ended.

Covered:      the twin, an FFF of each leaf width, a dense network of each leaf width; seeds.
Not covered:  time (`bench.vision.times`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from evaluation.dataset import Dataset
from model_store.errors import StoreError
from model_store.manifest import TrainingOrigin
from model_store.store import Store
from training.vision.models import train_vision
from training.vision.recipe import VisionRecipe

WIDTH = 128
"""Hidden neurons that every feedforward layer trains."""
DEPTHS = {32: 2, 16: 3, 8: 4, 4: 5, 2: 6, 1: 7}
"""By leaf width: trees of the same training width."""


@dataclass(frozen=True, slots=True)
class Cell:
    """
    One network.

    Attributes:
        name: In the store.
        recipe: Its own.
        seed: Of its training.
    """

    name: str
    recipe: VisionRecipe
    seed: int


def name_of(family: str, leaf_width: int, seed: int) -> str:
    """Name in the store."""
    return f"dense-s{seed}" if family == "dense" else f"{family}-l{leaf_width}-s{seed}"


def cells(recipe: VisionRecipe, seeds: int) -> Iterator[Cell]:
    """All networks of the table, those of a seed together, its twin first."""
    for seed in range(seeds):
        its = replace(recipe, family="dense", hidden_width=WIDTH)
        yield Cell(name_of("dense", WIDTH, seed), its, seed)
        for leaf_width, depth in DEPTHS.items():
            for family in ("fff", "narrow"):
                its = replace(recipe, family=family, depth=depth, leaf_width=leaf_width)
                yield Cell(name_of(family, leaf_width, seed), its, seed)


def fill(
    store: Store, every: list[Cell], train: Dataset, test: Dataset, tell: Callable[[str], None]
) -> None:
    """Train and publish what the store lacks."""
    for cell in every:
        if _is_there(store, cell, train.sha256):
            continue
        (model,) = train_vision(
            cell.recipe, train, test, store, cell.name, cell.seed, lambda *done: None, ()
        )
        origin = model.manifest.origin
        assert isinstance(origin, TrainingOrigin), "it was just trained. This is a bug."
        reached = 100 * origin.metrics["test_hard_accuracy"]
        tell(f"{cell.name}: {reached:.2f} % of the test images, {origin.seconds or 0:.0f} s")


def accuracies(store: Store, family: str, leaf_width: int, seeds: int) -> list[float]:
    """Of the test images, 0 to 1, for each seed."""
    found = []
    for seed in range(seeds):
        origin = store.manifest(name_of(family, leaf_width, seed)).origin
        assert isinstance(origin, TrainingOrigin), "all of them are trained. This is a bug."
        found.append(origin.metrics["test_hard_accuracy"])
    return found


def _is_there(store: Store, cell: Cell, data_sha256: str) -> bool:
    """Whether the store has a network of this recipe, seed and data, whatever code trained it."""
    try:
        origin = store.manifest(cell.name).origin
    except StoreError:
        return False
    return isinstance(origin, TrainingOrigin) and (
        (origin.recipe, origin.seed, origin.data_sha256)
        == (cell.recipe.fields(), cell.seed, data_sha256)
    )
