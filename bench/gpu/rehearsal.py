# mypy: allow-untyped-calls, disable-error-code="attr-defined"
"""
The bench's device where there is none: nothing is computed, and time passes as it is modelled.

Tensors are of torch's `meta` device: they have shapes and no memory, so every call runs once and
whatever does not fit together fails here. Triton's kernels are not run: their arguments are
bound to their parameters, and one that was not launched before takes the time of a compilation.

Covered:      how long a script takes, what it writes, and that its calls are possible.
Not covered:  what CUDA would say: captures, streams, memory that does not suffice.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from bench.gpu.ahead import Job, launch_all
from bench.gpu.device import Call, Times, calls_in_a_graph, replays_of

START_S = 4.0  # of a CUDA context, and of Triton's reading all of itself once; not measured
COMPILE_S = 0.5  # of one kernel: 0.2 to 0.5 s on a 2-core VM, Triton 3.6, 2026-11-26
WORKERS, WORKER_START_S = 12, 5.0  # that compile ahead; to import torch and triton in each
LOAD_S = 0.02  # of one kernel that was compiled ahead, and of its launcher; not measured
LAUNCH_S = 1e-4  # of the host, for a call of some three launches; reviewed, not measured
FLUSH_S = 1e-4
INSTANTIATE_S = 3e-3  # of a graph of some hundred nodes; not measured
FREE_BYTES = 70 << 30
_OPTIONS = {"num_warps", "num_stages", "num_ctas", "maxnreg", "grid", "warmup"}


class Rehearsal:
    """
    A device that computes nothing.

    Args:
        sleeps: Let the time really pass; or keep a clock of its own, for tests.

    Attributes:
        compiled_late: Kernels that nobody compiled ahead, by name.
    """

    rehearses = True

    def __init__(self, sleeps: bool = True):
        self.torch_device = torch.device("meta")
        self._sleeps, self._modelled_s = sleeps, 0.0
        self._kernels: dict[Any, bool] = {}  # whether they were launched yet
        self._compiles_ahead = False
        self.compiled_late: list[str] = []

    def now_s(self) -> float:
        return time.monotonic() if self._sleeps else self._modelled_s

    def takes(self, seconds: float) -> None:
        self._modelled_s += seconds
        if self._sleeps:
            time.sleep(seconds)

    def compile_ahead(self, jobs: Sequence[Job], limit_s: float) -> dict[str, Any]:
        before, self._compiles_ahead = len(self._kernels), True
        for job in jobs:
            launch_all(job)
        self._compiles_ahead = False
        kernels = len(self._kernels) - before
        self.takes(min(limit_s, WORKER_START_S + kernels * COMPILE_S / WORKERS))
        return {"jobs": len(jobs), "kernels": kernels}

    def graph_times(
        self,
        calls: Sequence[Call],
        call_s: float,
        cold: bool = False,
        count: int | None = None,
        quick: bool = False,
    ) -> Times:
        eager_s = self._warm_up(calls, call_s)
        count = count or calls_in_a_graph(eager_s, cold)
        replay_s = count * (call_s + FLUSH_S * cold)
        replays = replays_of(replay_s, quick)
        self.takes(count * LAUNCH_S + INSTANTIATE_S + (2 + replays) * replay_s)
        return Times(1e6 * call_s, 1e6 * call_s, count, replays)

    def eager_times(self, calls: Sequence[Call], call_s: float) -> Times:
        eager_s = self._warm_up(calls, call_s)
        self.takes(5 * max(eager_s, min(0.02, 200 * eager_s)))
        return Times(1e6 * eager_s, 1e6 * eager_s)

    def wall_times(self, call: Call, call_s: float) -> Times:
        seconds = call_s + LAUNCH_S
        self.takes((5 + 4 * replays_of(seconds)) * seconds)
        return Times(1e6 * seconds, 1e6 * seconds)

    def free_bytes(self) -> int:
        return FREE_BYTES

    def clear(self) -> None:
        self.takes(0.1)

    def is_lost(self) -> bool:
        return False

    def _warm_up(self, calls: Sequence[Call], call_s: float) -> float:
        calls[0]()
        eager_s = max(call_s, LAUNCH_S)
        self.takes(3 * eager_s)
        return eager_s

    @contextmanager
    def without_kernels(self) -> Iterator[None]:
        """Bind Triton's launches, and run none."""
        from triton.runtime import JITFunction

        run = JITFunction.run
        JITFunction.run = self._instead_of_a_launch()
        try:
            yield
        finally:
            JITFunction.run = run

    def _instead_of_a_launch(self) -> Callable[..., None]:
        def run(kernel: Any, *args: Any, **kwargs: Any) -> None:
            given = {name: value for name, value in kwargs.items() if name not in _OPTIONS}
            bound = kernel.signature.bind(*args, **given).arguments
            constants = {p.name for p in kernel.params if p.is_constexpr}
            key = tuple(
                (name, value if name in constants else str(getattr(value, "dtype", "")))
                for name, value in bound.items()
            )
            options = tuple(sorted((n, kwargs[n]) for n in kwargs.keys() & _OPTIONS - {"grid"}))
            self._launched((kernel.__name__, key, options))

        return run

    def _launched(self, kernel: Any) -> None:
        known = kernel in self._kernels
        if self._compiles_ahead:
            self._kernels.setdefault(kernel, False)
        elif not self._kernels.get(kernel, False):
            self._kernels[kernel] = True
            self.compiled_late += [] if known else [kernel[0]]
            self.takes(LOAD_S if known else COMPILE_S)
