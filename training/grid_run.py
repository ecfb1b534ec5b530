"""
What a store lacks of a grid of networks for images, and training one of them.

A network is published as `<data>-<point>-s<seed>` once it is trained. What the store holds already
from the same recipe, data and seed stays, whatever version of the code trained it; an interrupted
run goes on where it was.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from evaluation.data_names import name_of_data
from evaluation.datasets import Dataset, load
from evaluation.image_folder import AS_IT_IS, ImageForm
from model_store.opening import open_writable_store
from training.grid import grid_points
from training.grid_jobs import is_there
from training.material import COMMON_FIELDS, Material, prepare
from training.models import check_names, publish, train_network
from training.recipe import Recipe
from training.recipes import recipe_by_name


@dataclass(frozen=True, slots=True)
class Job:
    """
    One network to train.

    Attributes:
        name: The model's in the store.
        recipe: Its own.
        seed: Of everything that is drawn.
        data: Folder or file of the images; None for the digits.
        store: Where it is published; None for the user's own.
        form: What the images of a folder are brought to.
    """

    name: str
    recipe: Recipe
    seed: int
    data: Path | None
    store: str | None
    form: ImageForm = AS_IT_IS

    def train(self) -> None:
        """Train the network and publish it."""
        train_one(self)


def missing_jobs(
    grids: Sequence[str],
    seeds: Sequence[int],
    data: Path | None,
    store: str | None,
    form: ImageForm = AS_IT_IS,
    changes: Mapping[str, str | int | float] | None = None,
) -> tuple[list[str], list[Job]]:
    """
    What a grid consists of, and what of it is not in the store.

    Networks of a seed follow each other: they have rows, views and teacher in common.

    Args:
        grids: Names of `training.grid.GRIDS`.
        seeds: Of each network.
        data: Folder or file of the images; None for the digits.
        store: A folder; None for the user's own.
        form: What the images of a folder are brought to.
        changes: Fields of our recipe to change.

    Returns:
        names: Of all its models.
        jobs: For those that are missing, or came of something else.

    Raises:
        RecipeError: If a grid is unknown or none for these data, a change is none or reaches no
            network, or a name would be too long.
    """
    opened = open_writable_store(store)
    name = data_name(data)
    train = _data(data, form)[0]
    inputs, classes = train.images.shape[1], int(train.labels.max()) + 1
    base = recipe_by_name("digits" if data is None else "ours")
    points = grid_points(grids, base, inputs, classes, changes)
    jobs = [
        Job(f"{name}-{point.name}-s{seed}", point.recipe, seed, data, store, form)
        for seed in seeds
        for point in points
    ]
    names = [job.name for job in jobs]
    check_names(names)
    return names, [job for job in jobs if not is_there(opened, job, train.sha256)]


def data_name(data: Path | None) -> str:
    """
    Name data as a store can: by the folder, or by the file without its ending.

    Args:
        data: What a symbolic link points to names it; None for the digits.
    """
    if data is None:
        return "digits"
    name = name_of_data(data)
    if not data.is_dir():
        name = Path(name).stem
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip("._-") or "images"


def train_one(job: Job) -> None:
    """Train one network and publish it."""
    store = open_writable_store(job.store)
    material = _material(_Common.of(job))
    trained = train_network(material, job.name, job.recipe, job.seed, lambda epoch: None)
    publish(material, trained, job.seed, store)
    trained.run.forget()


@dataclass(frozen=True, slots=True)
class _Common:
    """What decides a material: jobs that are alike in it share one."""

    data: Path | None
    form: ImageForm
    store: str | None
    seed: int
    fields: tuple[object, ...]
    recipe: Recipe = field(compare=False)

    @classmethod
    def of(cls, job: Job) -> "_Common":
        fields = job.recipe.fields()
        common = tuple(fields[name] for name in COMMON_FIELDS)
        return cls(job.data, job.form, job.store, job.seed, common, job.recipe)


def _material(common: _Common) -> Material:
    """That of the last job, or another; never two at a time, as views may take a GiB."""
    if common not in _LAST:
        _LAST.clear()
        _LAST[common] = _prepared(common)
    return _LAST[common]


_LAST: dict[_Common, Material] = {}
"""Of this process."""


def _prepared(common: _Common) -> Material:
    train, test = _data(common.data, common.form)
    store = open_writable_store(common.store)
    return prepare(common.recipe, train, test, store, common.seed, lambda done, total: None)


@lru_cache(maxsize=1)
def _data(path: Path | None, form: ImageForm) -> tuple[Dataset, Dataset]:
    return load("digits" if path is None else "images", path, form)
