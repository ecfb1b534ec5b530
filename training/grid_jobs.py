"""
Jobs of a grid: which of them a store has, and all others at once, one thread each, whatever fails.

Covered:      networks of any recipe.
Not covered:  what a job is (`training.grid_run`, `training.field.grid_run`).
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any, Protocol

from evaluation.errors import TrainingError
from model_store.errors import StoreError
from model_store.manifest import TrainingOrigin
from model_store.store import Store
from training.errors import NetworksFailed, RecipeError

_MOST_NAMES = 20  # of networks that failed, in one message
_ENDED = (
    "a process that trained was ended from outside, most often for lack of memory; "
    "--jobs says how many train at once"
)


class Job(Protocol):
    """
    One network to train; another process gets it by pickling.

    Attributes:
        name: The model's in the store.
        recipe: Its own, a frozen dataclass.
        seed: Of its training.
    """

    @property
    def name(self) -> str: ...

    @property
    def recipe(self) -> Any: ...

    @property
    def seed(self) -> int: ...

    def train(self) -> None:
        """Train the network and publish it."""


def run(jobs: Sequence[Job], at_once: int, advance: Callable[[int, int], None]) -> None:
    """
    Train and publish; where a network fails, the others are trained all the same.

    Args:
        jobs: In the order in which they are begun.
        at_once: Processes; each computes with one thread.
        advance: Told how many of how many are done, those that failed too.

    Raises:
        NetworksFailed: If several failed, with their names and the first one's error.
        Exception: If one failed, its own.
    """
    failed: dict[str, BaseException] = {}
    # Spawned, not forked: torch's threads do not survive a fork.
    with ProcessPoolExecutor(at_once, get_context("spawn")) as pool:
        running = {pool.submit(job.train): job.name for job in jobs}
        try:
            for done, each in enumerate(as_completed(running), 1):
                error = each.exception()
                if isinstance(error, BrokenProcessPool):
                    raise NetworksFailed(_ENDED) from error
                if error is not None:
                    failed[running[each]] = error
                advance(done, len(jobs))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    _raise(failed, len(jobs))


def _raise(failed: dict[str, BaseException], jobs: int) -> None:
    known = (TrainingError, StoreError)
    bugs = {name: error for name, error in failed.items() if not isinstance(error, known)}
    if bugs or len(failed) == 1:
        name, error = next(iter((bugs or failed).items()))
        error.add_note(f"while training {name!r}; {len(failed)} of {jobs} networks failed")
        raise error
    if failed:
        first, names = next(iter(failed.values())), ", ".join([*failed][:_MOST_NAMES])
        more = f" and {len(failed) - _MOST_NAMES} more" if len(failed) > _MOST_NAMES else ""
        raise NetworksFailed(
            f"{len(failed)} of {jobs} networks failed: {names}{more}; the first: {first}"
        ) from first


def is_there(store: Store, job: Job, data_sha256: str) -> bool:
    """Whether a store has a job's network, learnt from these rows, whatever code trained it."""
    try:
        origin = store.manifest(job.name).origin
    except StoreError:
        return False
    return isinstance(origin, TrainingOrigin) and (
        (_recipe_of(origin, type(job.recipe)), origin.seed, origin.data_sha256)
        == (job.recipe, job.seed, data_sha256)
    )


def _recipe_of(origin: TrainingOrigin, kind: type[Any]) -> Any:
    """What it was trained by; a field that came later has its default. None if none has it now."""
    try:
        return kind(**origin.recipe)
    except (TypeError, RecipeError):
        return None
