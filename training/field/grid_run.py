"""
What a store lacks of a grid of networks for a field, and training one of them.

Names, and what counts as there already, are as of images (`training.grid_run`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from evaluation.fields import divide, load
from evaluation.samples import Samples
from model_store.opening import open_writable_store
from training.field.grid import field_points
from training.field.models import train_field
from training.field.recipe import FieldRecipe
from training.grid_jobs import is_there
from training.grid_run import data_name
from training.models import check_names


@dataclass(frozen=True, slots=True)
class FieldJob:
    """
    One network to train.

    Attributes:
        name: The model's in the store.
        recipe: Its own.
        seed: Of the validation part and of the training.
        source: A file or `MODULE:FUNCTION`; None for the terrain.
        targets: Arrays of an archive to take.
        store: Where it is published; None for the user's own.
    """

    name: str
    recipe: FieldRecipe
    seed: int
    source: str | None
    targets: tuple[str, ...]
    store: str | None

    def train(self) -> None:
        """Train the network and publish it."""
        train, test = divide(_samples(self), self.recipe.test_share)
        store = open_writable_store(self.store)
        train_field(
            self.recipe, train, test, store, self.name, self.seed, lambda *done: None, baselines=()
        )


def missing_field_jobs(
    grids: Sequence[str],
    seeds: Sequence[int],
    source: str | None,
    targets: tuple[str, ...],
    base: FieldRecipe,
    store: str | None,
    changes: Mapping[str, str | int | float] | None = None,
) -> tuple[list[str], list[FieldJob]]:
    """
    What a grid consists of, and what of it is not in the store.

    Args:
        grids: Names of `training.field.grid.FIELD_GRIDS`.
        seeds: Of each network.
        source: A file or `MODULE:FUNCTION`; None for the terrain.
        targets: Arrays of an archive to take; none for all that have the most axes.
        base: The recipe of these data.
        store: A folder; None for the user's own.
        changes: Fields of the recipe to change.

    Returns:
        names: Of all its models.
        jobs: For those that are missing, or came of something else.

    Raises:
        RecipeError: If a grid is unknown, a change is none or reaches no network, or a name would
            be too long.
        DatasetError: If the data cannot be read.
    """
    opened = open_writable_store(store)
    its = base.override(changes or {})
    samples = load(its.data, source, targets, its.rows)
    train, _ = divide(samples, its.test_share)
    name = base.data if source is None else data_name(Path(source.replace(":", "-")))
    jobs = [
        FieldJob(f"{name}-{point.name}-s{seed}", point.recipe, seed, source, targets, store)
        for seed in seeds
        for point in field_points(grids, base, changes)
    ]
    names = [job.name for job in jobs]
    check_names(names)
    return names, [job for job in jobs if not is_there(opened, job, train.sha256)]


def _samples(job: FieldJob) -> Samples:
    return _read(job.recipe.data, job.source, job.targets, job.recipe.rows)


@lru_cache(maxsize=1)
def _read(data: str, source: str | None, targets: tuple[str, ...], rows: int) -> Samples:
    return load(data, source, targets, rows)
