"""
The shadow of one served FFF: a sampled share of its live batches waits here for the dense twin.

A batch is offered when its answers are on their way, and by reference: rows and logits are not
copied, nothing is waited for, and what does not fit into the bounded queue is dropped and counted.

Covered:      sampling, the queue, twins that come, go and fail.
Not covered:  who takes the samples (`shadow_task`), what has been found (`shadow_stats`).
"""

import logging
import random
from collections import deque
from collections.abc import Callable

from service.engine.sampling import Sample
from service.shadow.messages import Twin
from service.shadow.stats import ShadowStats

log = logging.getLogger(__name__)

FindTwin = Callable[[str], Twin | None]


class Shadow:
    """
    Samples one served FFF: a `service.engine.sampling.Sampler`.

    Args:
        labels: Its name, its version, the name of its twin.
        widths: Of its inputs and outputs; a network of others is nothing to compare with.
        find: Looks up what is served under a name.
        ratio: Share of batches sampled.
        most_rows: That may wait, those being computed included.
        stats: Counts.
        wake: Tells who takes the samples that one waits.
    """

    def __init__(
        self,
        labels: tuple[str, str, str],
        widths: tuple[int, int],
        find: FindTwin,
        ratio: float,
        most_rows: int,
        stats: ShadowStats,
        wake: Callable[[], None],
    ):
        self.labels, self.stats = labels, stats
        self.ratio = ratio
        self.aside_until_s = 0.0  # after a failure, by time.monotonic
        self._widths, self._find = widths, find
        self._most_rows, self._wake = most_rows, wake
        self._samples: deque[Sample] = deque()
        self._complaint = self._failure = ""

    def chooses(self) -> bool:
        """Whether the next batch is sampled; never while there is no twin to compare with."""
        return random.random() < self.ratio and self.twin() is not None

    def twin(self) -> Twin | None:
        """The twin as it is served now."""
        model, version, baseline = self.labels
        twin = self._find(baseline)
        complaint = ""
        if twin is None:
            complaint = "is not served"
        elif (twin.input_width, twin.output_width) != self._widths:
            complaint, twin = "has other inputs or outputs", None
        if complaint != self._complaint:
            self._complaint = complaint
            state = f"{complaint}; nothing is sampled" if complaint else "is served again"
            log.warning("shadow of %s version %s: baseline %s %s", model, version, baseline, state)
        return twin

    def offer(self, sample: Sample) -> None:
        """Let a sample wait, or drop it; on the event loop."""
        stats = self.stats
        if not sample.rows:  # all of its jobs were refused
            return
        stats.offered += sample.rows
        if stats.waiting > self._most_rows:
            stats.refused += sample.rows
            return
        self._samples.append(sample)
        self._wake()

    def take(self) -> Sample | None:
        """Remove the sample that has waited longest."""
        return self._samples.popleft() if self._samples else None

    def failed(self, rows: int, failure: str) -> None:
        """Drop a sample that the twin did not answer; what is new about it is logged."""
        self.stats.lose(rows)
        if failure != self._failure:
            model, version, baseline = self.labels
            text = "shadow of %s version %s: baseline %s failed: %s"
            log.warning(text, model, version, baseline, failure)
        self._failure = failure

    def succeeded(self) -> None:
        """Have the next failure logged again."""
        self._failure = ""
