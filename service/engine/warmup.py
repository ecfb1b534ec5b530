"""
Before a model is ready: run it at the sizes it will meet, and see that it answers as it must.

A failed warm-up ends the start: a model that cannot pass it would fail its users.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from statistics import median

import torch

from fff.backends import Backend, OutputClass
from fff.inference_result import InferenceResult
from model_store.manifest import Manifest
from model_store.store import Checkpoint
from networks.ragged import NO_TOKEN, costly_lengths
from networks.reference import infer as infer_by_reference
from networks.reference import turned

log = logging.getLogger(__name__)


class WarmupFailed(RuntimeError):
    """A loaded model that does not answer as its reference does."""


INLINE_BUDGET_S = {"cpu": 1e-3, "cuda": 0.15e-3}
"""A batch that takes longer than this never runs in the event loop, by the kind of its device.

On a CPU: parsing one JSON request of 64 rows of 784 numbers holds the loop for 3.8 ms; a hand-over
to a compute thread costs 0.15 ms each way when the loop is idle, and up to 0.1 ms for every single
torch operation when it is busy (2 cores, 2026-11-24, docs/decisions/0006-in-the-loop.md).

On a GPU the loop would only wait, so no longer than that hand-over takes: derived, not measured.
"""


TOLERANCE = {"float32": 1e-3, "bfloat16": 2e-2}
"""A bfloat16 weight is off by up to 2**-9 of itself; of a sum of many such errors, most cancel."""
_ROWS = 64  # different ones; larger batches repeat them
_MOST_ANSWERED = 1 << 24  # numbers of the reference's answers: a vocabulary for each token is many
_EXAMPLES = 8  # in their place, of what is many rows itself: the reference is slow


@dataclass(frozen=True, slots=True)
class WarmUp:
    """
    What a warm-up has found.

    Attributes:
        inline_rows: The largest batch size, to an eighth, that took no longer than the event loop
            may be held; every smaller one that was run took no longer either. 0 if none. As jobs
            count: in tokens, where the model takes token ids.
        output_class: The backend's; `fast` too if it calls itself strict and was seen not to be.
    """

    inline_rows: int
    output_class: OutputClass


def warm_up(
    checkpoint: Checkpoint,
    backend: Backend,
    most: int,
    clock: Callable[[], float] = time.perf_counter,
) -> WarmUp:
    """
    Run batches of 1, 2, 4, … up to the limit, and hold the answers against the reference.

    Rows are random, token ids of random lengths too: routing must agree exactly, logits to
    `TOLERANCE` of their size. That is far above rounding and far below what another leaf or a lost
    bias would give. A backend that calls itself strict must also give each row the bits that it
    gives the row alone.

    Args:
        checkpoint: Gives the name, the width and the weights that the reference reads.
        backend: Has the same weights.
        most: The largest batch, as jobs count: in tokens, where it takes token ids.
        clock: Seconds; times the batches.

    Raises:
        WarmupFailed: Naming the model and what differs.
    """
    manifest = checkpoint.manifest
    rows = _rows_for(checkpoint)
    expected = infer_by_reference(rows, checkpoint.weights)
    alone = _alone(backend, rows) if backend.output_class == "strict" else None  # [count, o]
    sized = partial(_ids_costing, manifest) if manifest.vocabulary else partial(_batch, rows)
    timings = _Timings(backend, sized, clock)
    for size in _sizes(_most_examples(most, manifest)):
        batch = _batch(rows, size)  # [size, i]
        result, subject = backend.infer(batch), f"model {checkpoint.name!r}, {size} rows"
        tolerance, near_ties = TOLERANCE[backend.dtype], manifest.kind == "network"
        _compare(expected, result, size, tolerance, near_ties, subject)
        if alone is not None and not _same_bits(result.logits, alone):
            log.warning("%s: logits have other bits than one by one; served as fast", subject)
            alone = None
        if not manifest.vocabulary:
            timings.take(size)
    for tokens in _sizes(most) if manifest.vocabulary else ():
        timings.take(tokens)
    return WarmUp(timings.inline_rows(), "fast" if alone is None else "strict")


def _sizes(limit: int) -> Iterator[int]:
    size = 1
    while size < limit:
        yield size
        size *= 2
    yield limit


def _most_examples(most: int, manifest: Manifest) -> int:
    """How many examples a batch can hold that are as long as may be."""
    return max(1, most // manifest.tokens) if manifest.vocabulary else most


def _rows_for(checkpoint: Checkpoint) -> torch.Tensor:
    """Random rows, `[count, i]`; or ids, the first example as long as may be."""
    manifest, seeded = checkpoint.manifest, torch.Generator().manual_seed(0)
    count = _ROWS if manifest.tokens == 1 else _EXAMPLES
    if not manifest.vocabulary:
        return torch.randn(count, manifest.input_width, generator=seeded)
    longest, answered = manifest.input_width, manifest.output_width
    if manifest.main_output == "token_logits":
        answered *= longest
    count = max(1, min(count, _MOST_ANSWERED // answered))
    lengths = torch.randint(1, longest + 1, (count - 1,), generator=seeded).tolist()
    return _random_ids([longest, *lengths], manifest, seeded)


def _ids_costing(manifest: Manifest, tokens: int) -> torch.Tensor:
    lengths = costly_lengths(tokens, manifest.input_width)
    return _random_ids(lengths, manifest, torch.Generator().manual_seed(1))


def _random_ids(lengths: list[int], manifest: Manifest, seeded: torch.Generator) -> torch.Tensor:
    """Examples of these lengths, `[n, longest]`, int32."""
    shape = (len(lengths), max(lengths))
    ids = torch.randint(0, manifest.vocabulary, shape, generator=seeded, dtype=torch.int32)
    behind = torch.arange(shape[1]) >= torch.tensor(lengths)[:, None]
    return ids.masked_fill_(behind, NO_TOKEN)


def _batch(rows: torch.Tensor, size: int) -> torch.Tensor:
    """Repeat rows, `[count, i]`, to `[size, i]`."""
    return rows.repeat(-(-size // len(rows)), 1)[:size]


class _Timings:
    """Finds the largest size that takes no longer than the event loop may be held."""

    def __init__(
        self,
        backend: Backend,
        sized: Callable[[int], torch.Tensor],
        clock: Callable[[], float],
    ):
        self._backend, self._sized, self._clock = backend, sized, clock
        self._budget_s = INLINE_BUDGET_S[backend.device.type]
        self._most = 0
        self._too_many: int | None = None

    def take(self, size: int) -> None:
        """Time a size larger than any before, unless a smaller one took too long."""
        if self._too_many is None:
            self._judge(size)

    def inline_rows(self) -> int:
        """Close in on the limit, which lies between two sizes, to an eighth of the smaller."""
        while self._too_many is not None and self._too_many - self._most > max(1, self._most // 8):
            self._judge((self._most + self._too_many) // 2)
        return self._most

    def _judge(self, size: int) -> None:
        batch = self._sized(size)
        if _median_s(self._backend, batch, self._clock) <= self._budget_s:
            self._most = size
        else:
            self._too_many = size


def _alone(backend: Backend, rows: torch.Tensor) -> torch.Tensor:
    return torch.cat([backend.infer(row).logits for row in torch.split(rows, 1)])


def _same_bits(logits: torch.Tensor, alone: torch.Tensor) -> bool:
    bits = alone.view(torch.int32)
    parts = torch.split(logits.view(torch.int32), len(bits))
    return all(torch.equal(part, bits[: len(part)]) for part in parts)


def _median_s(backend: Backend, batch: torch.Tensor, clock: Callable[[], float]) -> float:
    def run_s() -> float:
        begun_s = clock()
        backend.infer(batch)
        return clock() - begun_s

    return median(run_s() for _ in range(5))


def _compare(
    expected: InferenceResult,
    result: InferenceResult,
    rows: int,
    tolerance: float,
    near_ties: bool,
    subject: str,
) -> None:
    """Compare, where leaves may differ by near ties only where a layer's inputs were rounded."""
    if len(result) != rows:
        raise WarmupFailed(f"{subject}: {len(result)} came back")
    most = tolerance * expected.logits.abs().max()
    for start in range(0, rows, len(expected)):
        part = _part(result, start, start + len(expected))
        truth = _part(expected, 0, len(part))
        other, excused = turned(truth, part)
        if (other & ~(excused & near_ties)).any():
            raise WarmupFailed(f"{subject}: other leaves than the reference's")
        off = (part.logits - truth.logits).abs()[~other].max() if not other.all() else 0.0
        if not off <= most:
            raise WarmupFailed(f"{subject}: logits differ from the reference's by {off:g}")


def _part(result: InferenceResult, start: int, stop: int) -> InferenceResult:
    own = slice(start, stop)
    return InferenceResult(result.logits[own], result.leaf[own], result.margin[own])
