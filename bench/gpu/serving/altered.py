"""
`python -m bench.gpu.serving.altered CHANGE [VALUE] serve …`: the service with one thing changed.

`budget-s SECONDS`: how long a batch may hold the event loop on a GPU, as on a CPU before.
`lost`: a request whose first number is 13.5 breaks the device: on a GPU by an index out of bounds,
after which CUDA answers every call with an error; on a CPU by saying so.
"""

import sys
from contextlib import suppress

import torch

from bench.gpu.serving.process import DEADLY
from fff.errors import DeviceLost
from fff.inference_result import InferenceResult
from service.cli.main import main
from service.engine import warmup


def set_budget(seconds: float) -> None:
    """Let a batch hold the event loop for so long, whatever the device."""
    warmup.INLINE_BUDGET_S.update(dict.fromkeys(warmup.INLINE_BUDGET_S, seconds))


def lose_gpu() -> None:
    """Break the context before the batch is replayed."""
    from fff.kernels.gpu.graphs import BatchGraphs, HostResults

    infer = BatchGraphs.infer

    def deadly(graphs: BatchGraphs, x: torch.Tensor) -> HostResults:
        if len(x) and x[0, 0] == DEADLY:
            one = torch.zeros(1, device="cuda")
            with suppress(RuntimeError):  # the next call, a replay, meets the broken context
                one[torch.full((1,), 10**6, device="cuda")].cpu()
        return infer(graphs, x)

    BatchGraphs.infer = deadly  # type: ignore[method-assign, assignment]


def lose_cpu() -> None:
    """Say that it is lost: a CPU does not break alone."""
    from fff.kernels.cpu.backend import NumbaGrouped

    infer = NumbaGrouped.infer

    def deadly(backend: NumbaGrouped, x: torch.Tensor) -> InferenceResult:
        if len(x) and x[0, 0] == DEADLY:
            raise DeviceLost("cpu failed: CUDA error: rehearsed")
        return infer(backend, x)

    NumbaGrouped.infer = deadly  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    change = sys.argv.pop(1)
    if change == "budget-s":
        set_budget(float(sys.argv.pop(1)))
    elif change == "lost":
        (lose_gpu if torch.cuda.is_available() else lose_cpu)()
    main()
