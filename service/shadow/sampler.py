"""
The shadow of one served FFF: a sampled share of its live batches waits here for the dense twin.

A batch is offered after its responses were sent, and by reference: rows and logits are not
copied, nothing is waited for, and what does not fit into the bounded queue is dropped and counted.

Covered:      sampling, the queue, twins that are loaded, unloaded and fail.
Not covered:  who takes the samples (`task`), the counts (`stats`).
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
        labels: Name of the FFF, its version, name of its twin.
        widths: Widths of the FFF's inputs and outputs; a twin of others cannot be compared.
        find_twin: Looks up the twin that is served under a name.
        ratio: Share of batches sampled, 0 to 1.
        max_rows: Most rows that may wait, those being computed included.
        stats: Counts the rows offered, dropped and computed.
        wake: Called when a sample begins to wait.
    """

    def __init__(
        self,
        labels: tuple[str, str, str],
        widths: tuple[int, int],
        find_twin: FindTwin,
        ratio: float,
        max_rows: int,
        stats: ShadowStats,
        wake: Callable[[], None],
    ):
        self.labels, self.stats = labels, stats
        self.ratio = ratio
        self.paused_until_s = 0.0  # after a failure, by time.monotonic
        self._widths, self._find_twin = widths, find_twin
        self._max_rows, self._wake = max_rows, wake
        self._samples: deque[Sample] = deque()
        self._obstacle = self._failure = ""  # as last logged

    def chooses(self) -> bool:
        """Whether the next batch is sampled; never while there is no twin to compare with."""
        return random.random() < self.ratio and self.twin() is not None

    def twin(self) -> Twin | None:
        """The twin as it is served now; None where it is not served or cannot be compared."""
        model, version, baseline = self.labels
        twin = self._find_twin(baseline)
        obstacle = ""
        if twin is None:
            obstacle = "is not served"
        elif (twin.input_width, twin.output_width) != self._widths:
            obstacle, twin = "has other inputs or outputs", None
        if obstacle != self._obstacle:
            self._obstacle = obstacle
            state = f"{obstacle}; nothing is sampled" if obstacle else "is served again"
            log.warning("shadow of %s version %s: baseline %s %s", model, version, baseline, state)
        return twin

    def offer(self, sample: Sample) -> None:
        """Let a sample wait, or drop it; on the event loop."""
        stats = self.stats
        if not sample.rows:  # all of its jobs were refused
            return
        stats.offered += sample.rows
        if stats.waiting > self._max_rows:
            stats.refused += sample.rows
            return
        self._samples.append(sample)
        self._wake()

    def take(self) -> Sample | None:
        """Remove the sample that has waited longest."""
        return self._samples.popleft() if self._samples else None

    def failed(self, rows: int, failure: str) -> None:
        """Drop a sample that the twin could not compute; a failure is logged once in a row."""
        self.stats.drop(rows)
        if failure != self._failure:
            model, version, baseline = self.labels
            text = "shadow of %s version %s: baseline %s failed: %s"
            log.warning(text, model, version, baseline, failure)
        self._failure = failure

    def succeeded(self) -> None:
        """Log the next failure again, whatever it is."""
        self._failure = ""
