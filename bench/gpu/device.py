"""
The device as the bench uses it: its clock, its memory, and how long work takes on it.

`bench.gpu.cuda_device` is one; `bench.gpu.rehearsal` stands in where there is none. Both follow
the rules here: how many calls make one graph, and how often it is replayed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from bench.gpu.ahead import Job

Call = Callable[[], object]
MOST_CALLS = 24  # in one graph: more than batches are in turn
FEW_CALLS = 8  # in one graph, where each comes after a flush of 0.1 ms
_LONG_S = 2e-3  # longer calls are fewer in a graph, so that one replay takes some 50 ms at most
_REPLAYS, _QUICK_REPLAYS = (5, 40), (3, 10)  # least and most
_BUDGET_S = 0.06  # of most replays of one side; the least number of them may exceed it


@dataclass(frozen=True, slots=True)
class Times:
    """
    Of one call, in microseconds.

    Attributes:
        p50_us: Median.
        p99_us: 99th percentile.
        calls: In one graph.
        replays: Of that graph.
    """

    p50_us: float
    p99_us: float
    calls: int = 1
    replays: int = 1


class Device(Protocol):
    """
    A GPU, or a stand-in that runs nothing.

    Every `call_s` is how long one call should take, in seconds: a stand-in lets it pass.

    Attributes:
        torch_device: Where tensors lie.
        rehearses: Whether nothing is computed.
    """

    torch_device: torch.device
    rehearses: bool

    def now_s(self) -> float:
        """The clock that deadlines are on."""

    def takes(self, seconds: float) -> None:
        """Say how long the work before took, if nothing was computed."""

    def compile_ahead(self, jobs: Sequence[Job], limit_s: float) -> dict[str, Any]:
        """Compile kernels that are launched later, as `bench.gpu.ahead` does."""

    def graph_times(
        self,
        calls: Sequence[Call],
        call_s: float,
        cold: bool = False,
        count: int | None = None,
        quick: bool = False,
    ) -> Times:
        """
        Time calls in a CUDA graph.

        Args:
            calls: In turn; each enqueues work on the current stream and does not wait.
            call_s: See the class.
            cold: Empty L2 before each.
            count: Calls in one graph; None takes up to `MOST_CALLS`.
            quick: Replay it less often: enough for a median.
        """

    def eager_times(self, calls: Sequence[Call], call_s: float) -> Times:
        """Time the same calls without a graph, by the clock on the wall."""

    def wall_times(self, call: Call, call_s: float) -> Times:
        """Time a call that waits for its result."""

    def free_bytes(self) -> int:
        """Of the device's memory, after what torch keeps for itself was given back."""

    def clear(self) -> None:
        """Give memory back that nobody holds."""

    def is_lost(self) -> bool:
        """Whether the CUDA context is broken for good."""


def calls_in_a_graph(first_s: float, cold: bool) -> int:
    """How many calls one graph holds, by how long a single one took."""
    most = FEW_CALLS if cold else MOST_CALLS
    return most if first_s < _LONG_S else max(1, min(most, int(MOST_CALLS * _LONG_S / first_s)))


def replays_of(replay_s: float, quick: bool = False) -> int:
    """How often a graph is replayed, by how long one replay takes."""
    least, most = _QUICK_REPLAYS if quick else _REPLAYS
    budget_s = _BUDGET_S * most / _REPLAYS[1]
    return min(most, max(least, int(budget_s / max(replay_s, 1e-6))))
