"""
Checkpoints to points: quality of each, time of one a point, all points in turn.

Weights of one checkpoint a point are kept, those of the others are let go.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch

from evaluation.dataset import Dataset
from evaluation.errors import EvaluationError
from evaluation.evaluate import CPU
from evaluation.fitting import fitted_to, scaling_of
from evaluation.progress import Progress, no_progress
from evaluation.report.candidates import LeftOut
from evaluation.report.contenders import Contender, contender_of
from evaluation.report.points import Point, cost_of, point_of
from evaluation.report.quality import Quality, quality_of
from evaluation.timing import RowTime, time_all
from fff.backends import build_backend
from fff.weights import FeedForwardWeights, FFFWeights, Weights
from model_store.manifest import Uint8Scaling
from model_store.store import Checkpoint

BATCHES = (1, 64)
_TIMED_ROWS = 4096  # rows of its own for each of so many calls, before they come again


@dataclass(slots=True)
class _Group:
    contender: Contender
    timed: Checkpoint
    models: list[Quality] = field(default_factory=list)


def measure(
    checkpoints: Iterable[Checkpoint],
    count: int,
    test: Dataset,
    threads: int,
    left_out: list[LeftOut],
    progress: Progress = no_progress,
) -> list[Point]:
    """
    Measure checkpoints of one data set.

    Args:
        checkpoints: Of any kind.
        count: How many come, for `progress`.
        test: What accuracy is measured on; its images are the rows that are timed.
        threads: Of everything that is computed, the same for all.
        left_out: Gets those that the data do not fit or that give numbers that are not finite, and
            those whose seed the same group has already.
        progress: Called between what is timed, never meanwhile.

    Raises:
        EvaluationError: If none can be measured.
    """
    total = count + len(BATCHES)
    groups: dict[str, _Group] = {}
    for number, checkpoint in enumerate(checkpoints):
        progress(number, total)
        try:
            _judge(checkpoint, test, threads, groups)
        except EvaluationError as exc:
            left_out.append(LeftOut(checkpoint.name, str(exc)))
    if not groups:
        whys = "; ".join(f"{each.model}: {each.why}" for each in left_out)
        raise EvaluationError(f"a report needs at least one model that can be measured; {whys}")
    found = list(groups.values())
    times = _times([group.timed for group in found], test, threads, progress, count)
    return [
        point_of(group.contender, group.models, cost_of(group.timed.weights, *of_group), len(test))
        for group, of_group in zip(found, times, strict=True)
    ]


def _judge(checkpoint: Checkpoint, test: Dataset, threads: int, groups: dict[str, _Group]) -> None:
    """Measure how good a checkpoint is, and put it to its group."""
    contender = contender_of(checkpoint)
    group = groups.get(contender.group) or _Group(contender, checkpoint)
    if twin := next((m for m in group.models if m.seed == contender.seed), None):
        raise EvaluationError(f"is {twin.name} again, of the same seed")
    group.models.append(quality_of(checkpoint, _as_taken(test, checkpoint), threads))
    groups[contender.group] = group


def _as_taken(test: Dataset, checkpoint: Checkpoint) -> Dataset:
    """Images as a checkpoint takes them: those of a folder are fitted to it, as for `evaluate`."""
    return test if test.class_names is None else fitted_to(checkpoint, test)[0]


def _times(
    checkpoints: Sequence[Checkpoint], test: Dataset, threads: int, progress: Progress, done: int
) -> list[tuple[RowTime, RowTime]]:
    """Of each checkpoint, one row and 64 at a time, by the quicker of its implementations."""
    ways = [(c, weights) for c in checkpoints for weights in _implementations(c.weights)]
    backends = [build_backend(weights, CPU, threads=threads) for _, weights in ways]
    decoded: dict[Uint8Scaling, torch.Tensor] = {}
    for scaling, checkpoint in {scaling_of(c): c for c in checkpoints}.items():
        images = _as_taken(test, checkpoint).images[:_TIMED_ROWS]
        decoded[scaling] = torch.from_numpy(scaling.decode(images))  # [n, i]
    inputs = [decoded[scaling_of(checkpoint)] for checkpoint, _ in ways]
    by_batch = []
    for number, rows in enumerate(BATCHES):
        progress(done + number, done + len(BATCHES))
        timed = list(zip(ways, time_all(backends, inputs, rows, threads), strict=True))
        by_batch.append(
            [
                min((time for (of, _), time in timed if of is each), key=lambda t: t.median_us)
                for each in checkpoints
            ]
        )
    return list(zip(*by_batch, strict=True))


def _implementations(weights: Weights) -> list[Weights]:
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
