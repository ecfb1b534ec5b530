"""
Checkpoints to points: quality of each, time of one a point, all points in turn.

Weights of one checkpoint a point are kept, those of the others are let go.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import torch

from evaluation.dataset import Dataset
from evaluation.errors import EvaluationError
from evaluation.evaluate import CPU
from evaluation.fitting import fitted_to, scaling_of
from evaluation.progress import Progress, no_progress
from evaluation.report.candidates import LeftOut
from evaluation.report.contenders import Contender, contender_of
from evaluation.report.points import Point, Timed, cost_of, point_of
from evaluation.report.quality import Quality, quality_of
from evaluation.timing import RowTime, time_all
from fff.backends import Backend, build_backend
from fff.weights import FeedForwardWeights, FFFWeights, Weights
from model_store.manifest import Uint8Scaling
from model_store.store import Checkpoint

BATCHES = (1, 64)
_TIMED_ROWS = 4096  # before rows come again: as many calls at batch 1, 64 at batch 64


@dataclass(slots=True)
class Group:
    """
    Checkpoints that differ in their seed alone, at least one.

    Attributes:
        contender: What they say they are.
        timed: The first of them, which is timed for all.
        models: How good each is.
    """

    contender: Contender
    timed: Checkpoint
    models: list[Quality] = field(default_factory=list)


def judge(
    checkpoints: Iterable[Checkpoint],
    count: int,
    test: Dataset,
    threads: int,
    left_out: list[LeftOut],
    progress: Progress = no_progress,
) -> list[Group]:
    """
    Measure how good checkpoints are.

    Args:
        checkpoints: Of any kind.
        count: How many come, for `progress`.
        test: What accuracy is measured on.
        threads: Of everything that is computed.
        left_out: Gets those that the data do not fit or that give numbers that are not finite, and
            those whose seed the same group has already.
        progress: Called before each.

    Raises:
        EvaluationError: If none can be measured.
    """
    groups: dict[str, Group] = {}
    for number, checkpoint in enumerate(checkpoints):
        progress(number, count + len(BATCHES))
        try:
            _judge(checkpoint, test, threads, groups)
        except EvaluationError as exc:
            left_out.append(LeftOut(checkpoint.name, str(exc)))
    if not groups:
        whys = "; ".join(f"{each.model}: {each.why}" for each in left_out)
        raise EvaluationError(f"a report needs at least one model that can be measured; {whys}")
    return list(groups.values())


def time_groups(
    groups: Sequence[Group],
    count: int,
    test: Dataset,
    threads: int,
    progress: Progress = no_progress,
) -> list[Point]:
    """
    Time one network of each group, all of them in turn, by the quicker of its implementations.

    Args:
        groups: At least one.
        count: Steps that `progress` has been told before.
        test: Its images are the rows that are timed.
        threads: Of everything that is computed, the same for all.
        progress: Called between what is timed, never meanwhile.
    """
    ways = list(_ways([group.timed for group in groups], test, threads))
    quickest = []
    for number, rows in enumerate(BATCHES):
        progress(count + number, count + len(BATCHES))
        times = time_all([w.backend for w in ways], [w.inputs for w in ways], rows, threads)
        quickest.append(_quickest(ways, times))
    return [
        point_of(group.contender, group.models, cost_of(group.timed.weights, *of_each), len(test))
        for group, *of_each in zip(groups, *quickest, strict=True)
    ]


def _judge(checkpoint: Checkpoint, test: Dataset, threads: int, groups: dict[str, Group]) -> None:
    """Measure how good a checkpoint is, and put it to its group."""
    contender = contender_of(checkpoint)
    group = groups.get(contender.group) or Group(contender, checkpoint)
    if twin := next((m for m in group.models if m.seed == contender.seed), None):
        raise EvaluationError(f"is {twin.name} again, of the same seed")
    group.models.append(quality_of(checkpoint, _as_taken(test, checkpoint), threads))
    groups[contender.group] = group


def _as_taken(test: Dataset, checkpoint: Checkpoint) -> Dataset:
    """Images as a checkpoint takes them: those of a folder are fitted to it, as for `evaluate`."""
    return test if test.class_names is None else fitted_to(checkpoint, test)[0]


@dataclass(frozen=True, slots=True)
class _Way:
    """One implementation of the network of a group, and the rows that it computes, `[n, i]`."""

    group: int
    backend: Backend
    inputs: torch.Tensor


def _ways(checkpoints: Sequence[Checkpoint], test: Dataset, threads: int) -> Iterator[_Way]:
    decoded: dict[Uint8Scaling, torch.Tensor] = {}
    for number, checkpoint in enumerate(checkpoints):
        scaling = scaling_of(checkpoint)
        if scaling not in decoded:
            images = _as_taken(test, checkpoint).images[:_TIMED_ROWS]
            decoded[scaling] = torch.from_numpy(scaling.decode(images))
        for weights in implementations(checkpoint.weights):
            yield _Way(number, build_backend(weights, CPU, threads=threads), decoded[scaling])


def _quickest(ways: Sequence[_Way], times: Sequence[RowTime]) -> list[Timed]:
    """Of each group the quickest of its ways, in the order of the groups."""
    best: dict[int, Timed] = {}
    for way, time in zip(ways, times, strict=True):
        known = best.get(way.group)
        if known is None or time.median_us < known.time.median_us:
            best[way.group] = Timed(time, way.backend.name)
    return [best[group] for group in sorted(best)]


def implementations(weights: Weights) -> list[Weights]:
    """
    The networks that are timed for one: a dense one is a tree of depth 0 too.

    PyTorch's calls alone cost a narrow network more than its arithmetic; the compiled kernel of an
    FFF's leaves has no such cost, and is there for whoever would serve the dense one.
    """
    if not isinstance(weights, FeedForwardWeights):
        return [weights]
    w1, b1, w2, b2 = (tensor[None] for tensor in weights.tensors().values())
    none = w1.new_empty(0, weights.input_width)
    return [weights, FFFWeights(none, none[:, 0], w1, b1, w2, b2, weights.activation)]
