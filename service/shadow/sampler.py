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

from fff.agreement import AgreementRule
from model_store.baseline import incomparable
from model_store.manifest import Manifest
from service.engine.sampling import Sample
from service.shadow.messages import Twin
from service.shadow.stats import ShadowStats

log = logging.getLogger(__name__)

FindTwin = Callable[[str], tuple[Twin, Manifest] | None]


class Shadow:
    """
    Samples one served FFF: a `service.engine.sampling.Sampler`.

    Args:
        labels: Name of the FFF, its version, name of its twin.
        manifest: Of the FFF: which twins it can be compared with, and what agreement is.
        find_twin: Looks up the twin that is served under a name, with its manifest.
        ratio: Share of batches sampled, 0 to 1.
        max_rows: Most rows that may wait, those being computed included.
        stats: Counts the rows offered, dropped and computed.
        wake: Called when a sample begins to wait.
    """

    def __init__(
        self,
        labels: tuple[str, str, str],
        manifest: Manifest,
        find_twin: FindTwin,
        ratio: float,
        max_rows: int,
        stats: ShadowStats,
        wake: Callable[[], None],
    ):
        self.labels, self.stats = labels, stats
        self.rule = AgreementRule(manifest.tolerances)
        self.ratio = ratio
        self.paused_until_s = 0.0  # after a failure, by time.monotonic
        self._manifest, self._find_twin = manifest, find_twin
        self._compared: Manifest | None = None  # with the FFF's, and what the twin does otherwise
        self._otherwise = ""
        self._max_rows, self._wake = max_rows, wake
        self._samples: deque[Sample] = deque()
        self._obstacle = self._failure = ""  # as last logged

    def chooses(self) -> bool:
        """Whether the next batch is sampled; never while there is no twin to compare with."""
        return random.random() < self.ratio and self.twin() is not None

    def twin(self) -> Twin | None:
        """The twin as it is served now; None where it is not served or cannot be compared."""
        model, version, baseline = self.labels
        found = self._find_twin(baseline)
        obstacle = "is not served" if found is None else self._difference(found[1])
        if obstacle != self._obstacle:
            self._obstacle = obstacle
            state = f"{obstacle}; nothing is sampled" if obstacle else "is served again"
            log.warning("shadow of %s version %s: baseline %s %s", model, version, baseline, state)
        return None if obstacle or found is None else found[0]

    def _difference(self, manifest: Manifest) -> str:
        if manifest is not self._compared:  # names of many outputs are not compared for each batch
            self._compared, self._otherwise = manifest, incomparable(self._manifest, manifest)
        return self._otherwise

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
