"""
Networks to points: quality of each, time of one a point, all points in turn.

Weights of one checkpoint a point are kept, those of the others are let go. Rivals that are no
networks take their turns among them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor, from_numpy

from evaluation.errors import EvaluationError
from evaluation.evaluate import CPU
from evaluation.progress import Progress, no_progress
from evaluation.regression import computed
from evaluation.report.candidates import LeftOut
from evaluation.report.contenders import Contender, contender_of, rival_contender, told_apart
from evaluation.report.held_out import HeldOutSamples
from evaluation.report.points import Point, Timed, cost_of, point_of
from evaluation.report.quality import TIMED_ROWS, Quality, TestData
from evaluation.report.rivals import Rival, fitted_rival, limited_to, made_with
from evaluation.timing import Computes, RowTime, time_all
from fff.weights import FeedForwardWeights, FFFWeights
from model_store.store import Checkpoint
from networks.backends import build_backend
from networks.weights import AnyWeights

BATCHES = (1, 64, 4096)


@dataclass(slots=True)
class Group:
    """
    Checkpoints that differ in their seed alone, at least one.

    Attributes:
        contender: What they say they are.
        timed: The first of them, which is timed for all; or a rival that is no network.
        inputs: Rows that are timed, as it takes them, `[n, i]`.
        models: How good each is.
    """

    contender: Contender
    timed: AnyWeights | Rival
    inputs: Tensor
    models: list[Quality] = field(default_factory=list)


def judge(
    checkpoints: Iterable[Checkpoint],
    count: int,
    test: TestData,
    threads: int,
    left_out: list[LeftOut],
    progress: Progress = no_progress,
) -> list[Group]:
    """
    Measure how good checkpoints are.

    Args:
        checkpoints: Of any kind.
        count: How many come, for `progress`.
        test: What they are measured on.
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


def judge_rivals(
    names: Sequence[str], rows: HeldOutSamples, threads: int, left_out: list[LeftOut]
) -> list[Group]:
    """
    Fit rivals to the training rows, and measure how good they are.

    Args:
        names: Of `evaluation.report.rivals.RIVALS`.
        rows: What they learn from, and what they are measured on.
        threads: Of everything that is computed.
        left_out: Gets those that are none for these rows, or lack their library.

    Returns:
        A group each, in this order.
    """
    groups = []
    for name in names:
        try:
            with limited_to(threads):
                rival = fitted_rival(name, rows.train, rows.test, threads)
                answers = (
                    rival.answers(rows.test.x)
                    if isinstance(rival, Rival)
                    else computed(build_backend(rival, CPU, threads=threads), rows.test.x)[0]
                )
        except EvaluationError as exc:
            left_out.append(LeftOut(name, str(exc)))
            continue
        contender = rival_contender(name, rival, made_with(rival))
        quality = rows.quality(f"{name} {contender.label}", answers, {})
        inputs = from_numpy(rows.test.x[:TIMED_ROWS])
        groups.append(Group(contender, rival, inputs, [quality]))
    return groups


def time_groups(
    groups: Sequence[Group],
    count: int,
    test: TestData,
    threads: int,
    progress: Progress = no_progress,
) -> list[Point]:
    """
    Time one network of each group, all of them in turn, by the quicker of its implementations.

    Args:
        groups: At least one.
        count: Steps that `progress` has been told before.
        test: What they were measured on.
        threads: Of everything that is computed, the same for all.
        progress: Called between what is timed, never meanwhile.
    """
    ways = list(_ways(groups, threads))
    quickest = []
    for number, rows in enumerate(BATCHES):
        progress(count + number, count + len(BATCHES))
        with limited_to(threads):
            times = time_all([w.network for w in ways], [w.inputs for w in ways], rows, threads)
        quickest.append(_quickest(ways, times))
    labels = told_apart([group.contender for group in groups])
    return [
        point_of(
            replace(group.contender, label=label),
            group.models,
            cost_of(group.timed, of_each),
            len(test),
            test.merit,
        )
        for group, label, *of_each in zip(groups, labels, *quickest, strict=True)
    ]


def _judge(checkpoint: Checkpoint, test: TestData, threads: int, groups: dict[str, Group]) -> None:
    """Measure how good a checkpoint is, and put it to its group."""
    contender = contender_of(checkpoint)
    group = groups.get(contender.group)
    if group is not None:
        twin = next((m for m in group.models if m.seed == contender.seed), None)
        if twin is not None:
            raise EvaluationError(f"is {twin.name} again, of the same seed")
    quality = test.quality_of(checkpoint, threads)
    if group is None:
        group = Group(contender, checkpoint.weights, test.rows_of(checkpoint))
    group.models.append(quality)
    groups[contender.group] = group


@dataclass(frozen=True, slots=True)
class _Way:
    """One implementation of the network of a group, and the rows that it computes, `[n, i]`."""

    group: int
    network: Computes
    inputs: Tensor


def _ways(groups: Sequence[Group], threads: int) -> Iterator[_Way]:
    for number, group in enumerate(groups):
        if isinstance(group.timed, Rival):
            yield _Way(number, group.timed, group.inputs)
            continue
        for weights in implementations(group.timed):
            yield _Way(number, build_backend(weights, CPU, threads=threads), group.inputs)


def _quickest(ways: Sequence[_Way], times: Sequence[RowTime]) -> list[Timed]:
    """Of each group the quickest of its ways, in the order of the groups."""
    best: dict[int, Timed] = {}
    for way, time in zip(ways, times, strict=True):
        known = best.get(way.group)
        if known is None or time.median_us < known.time.median_us:
            best[way.group] = Timed(time, way.network.name)
    return [best[group] for group in sorted(best)]


def implementations(weights: AnyWeights) -> list[AnyWeights]:
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
