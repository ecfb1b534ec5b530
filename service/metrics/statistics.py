"""
What the protocol's statistics extension tells of a model since it was loaded.

Covered:      requests by outcome, batches by size, where requests spent their time.
Not covered:  compute_input and compute_output: rows are copied together and answers cut apart
              within compute_infer, and timing them alone would cost more than they take.

A request is charged its batch's whole computation, as Triton charges it: that is the time it
waited for it. Counted by one thread at a time; a reader may see a batch half counted.
"""

import time
from typing import Any

from service.metrics.histogram import HistogramSeries


class ModelStatistics:
    """
    Counts one served model; what its histograms count from now on is not counted again.

    Args:
        requests: The histogram of its requests' durations.
        queue: The histogram of the waits of those that were answered.
    """

    __slots__ = ("_batches", "_failed", "_failed_s", "_last_s", "_queue", "_requests")

    def __init__(self, requests: HistogramSeries, queue: HistogramSeries):
        # The same version may have been served before.
        self._requests, self._queue = _FromNowOn(requests), _FromNowOn(queue)
        self._failed, self._failed_s, self._last_s = 0, 0.0, 0.0
        # By rows: how many batches, their seconds, the seconds charged to their requests.
        self._batches: dict[int, list[float]] = {}

    def failed(self, duration_s: float) -> None:
        """Count a request that was answered with an error."""
        self._failed += 1
        self._failed_s += duration_s

    def executed(self, requests: int, rows: int, compute_s: float) -> None:
        """Count a batch."""
        batches = self._batches.get(rows) or self._batches.setdefault(rows, [0, 0.0, 0.0])
        batches[0] += 1
        batches[1] += compute_s
        batches[2] += requests * compute_s
        self._last_s = time.time()

    def show(self, name: str, version: str) -> dict[str, Any]:
        """Make one of the protocol's `model_stats`: durations in ns, a date in ms."""
        by_rows = sorted(self._batches.items())
        batches = [(rows, int(n), s, charged_s) for rows, (n, s, charged_s) in by_rows]
        (answered, answered_s), (computed, queued_s) = self._requests.read(), self._queue.read()
        return {
            "name": name,
            "version": version,
            "last_inference": int(self._last_s * 1e3),
            "inference_count": sum(rows * n for rows, n, _, _ in batches),
            "execution_count": sum(n for _, n, _, _ in batches),
            "inference_stats": {
                "success": _duration(answered - self._failed, answered_s - self._failed_s),
                "fail": _duration(self._failed, self._failed_s),
                "queue": _duration(computed, queued_s),
                "compute_input": _duration(computed, 0.0),
                "compute_infer": _duration(computed, sum(s for _, _, _, s in batches)),
                "compute_output": _duration(computed, 0.0),
            },
            "batch_stats": [
                {
                    "batch_size": rows,
                    "compute_input": _duration(n, 0.0),
                    "compute_infer": _duration(n, s),
                    "compute_output": _duration(n, 0.0),
                }
                for rows, n, s, _ in batches
            ],
        }


class _FromNowOn:
    """What a histogram counts from now on."""

    def __init__(self, series: HistogramSeries):
        self._series, self._count, self._total = series, sum(series.counts), series.total

    def read(self) -> tuple[int, float]:
        """How many values, and their sum."""
        return sum(self._series.counts) - self._count, self._series.total - self._total


def _duration(count: int, total_s: float) -> dict[str, int]:
    # Failed ones are subtracted from a sum: rounding may leave a hair less than nothing.
    return {"count": count, "ns": max(0, round(total_s * 1e9))}
