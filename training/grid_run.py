"""
Training what a store lacks of a grid: several networks at once, one thread each.

A network is published as `<data>-<point>-s<seed>` once it is trained. What the store holds already
from the same recipe, data and seed stays; an interrupted run goes on where it was.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

from evaluation.datasets import Dataset, load
from evaluation.image_folder import AS_IT_IS, ImageForm
from model_store.errors import StoreError
from model_store.manifest import TrainingOrigin
from model_store.opening import open_writable_store
from model_store.store import Store
from training.errors import RecipeError
from training.grid import grid_points
from training.material import COMMON_FIELDS, Material, prepare
from training.models import publish, train_network
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


def missing_jobs(
    grids: Sequence[str],
    seeds: Sequence[int],
    data: Path | None,
    store: str | None,
    form: ImageForm = AS_IT_IS,
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

    Returns:
        names: Of all its models.
        jobs: For those that are missing, or came of something else.
    """
    opened = open_writable_store(store)
    name = "digits" if data is None else data.resolve().stem
    train = _data(data, form)[0]
    inputs, classes = train.images.shape[1], int(train.labels.max()) + 1
    base = recipe_by_name("digits" if data is None else "ours")
    points = grid_points(grids, base, inputs, classes)
    jobs = [
        Job(f"{name}-{point.name}-s{seed}", point.recipe, seed, data, store, form)
        for seed in seeds
        for point in points
    ]
    return [job.name for job in jobs], [
        job for job in jobs if not _is_there(opened, job, train.sha256)
    ]


def run(jobs: Sequence[Job], at_once: int, advance: Callable[[int, int], None]) -> None:
    """
    Train and publish.

    Args:
        jobs: In the order in which they are begun.
        at_once: Processes; each computes with one thread.
        advance: Told how many of how many are done.
    """
    # Spawned, not forked: torch's threads do not survive a fork.
    with ProcessPoolExecutor(at_once, get_context("spawn")) as pool:
        running = [pool.submit(train_one, job) for job in jobs]
        try:
            for done, each in enumerate(as_completed(running)):
                advance(done, len(jobs))
                each.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def train_one(job: Job) -> None:
    """Train one network and publish it."""
    store = open_writable_store(job.store)
    material = _material(_Common.of(job))
    trained = train_network(material, job.name, job.recipe, job.seed, lambda epoch: None)
    publish(material, trained, job.seed, store)


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


@lru_cache(maxsize=1)
def _material(common: _Common) -> Material:
    train, test = _data(common.data, common.form)
    store = open_writable_store(common.store)
    return prepare(common.recipe, train, test, store, common.seed, lambda done, total: None)


@lru_cache(maxsize=1)
def _data(path: Path | None, form: ImageForm) -> tuple[Dataset, Dataset]:
    return load("digits" if path is None else "images", path, form)


def _is_there(store: Store, job: Job, data_sha256: str) -> bool:
    try:
        origin = store.manifest(job.name).origin
    except StoreError:
        return False
    return isinstance(origin, TrainingOrigin) and (
        (_recipe_of(origin), origin.seed, origin.data_sha256) == (job.recipe, job.seed, data_sha256)
    )


def _recipe_of(origin: TrainingOrigin) -> Recipe | None:
    """What it was trained by; a field that came later has its default. None if none has it now."""
    try:
        return Recipe(**origin.recipe)  # type: ignore[arg-type]
    except (TypeError, RecipeError):
        return None
