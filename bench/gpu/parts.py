"""The parts of the bench, by name: what each does, step by step (`bench.gpu.plans`: when)."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from bench.gpu import (
    check,
    compiled_dense,
    device_tests,
    kernels,
    limits,
    sanitizer,
    tune,
)
from bench.gpu.ahead import Job
from bench.gpu.device import Device
from bench.gpu.grid import BATCHES, LAYERS, Grid
from bench.gpu.journal import Fields, Journal, read
from bench.gpu.million import Million
from bench.gpu.plans import CHECK_TUNED
from bench.gpu.steps import Step
from bench.gpu.target import Limits
from fff.kernels.gpu.tuning import DEFAULT_TUNING, Tuning

_COMPILE_S = 25  # at most, ahead


@dataclass(frozen=True, slots=True)
class Context:
    """
    What a part works with.

    Attributes:
        device: That is measured.
        journal: Of the part.
        out: Folder of this run's results.
        before: Folder of an earlier run's, for its limits and its choice of launches.
    """

    device: Device
    journal: Journal
    out: Path
    before: Path | None

    @property
    def lines(self) -> list[Fields]:
        """Of earlier runs, and then of this one."""
        files = sorted(self.before.glob("*.jsonl")) if self.before else []
        return [line for file in files for line in read(file)] + self.journal.lines()

    @property
    def limits(self) -> Limits:
        """As they were measured last."""
        return limits.found_in(self.lines)

    @property
    def broken(self) -> set[str]:
        """Rivals that broke the device, in this run or before."""
        return {line["broken"] for line in self.lines if "broken" in line}

    @property
    def proposed(self) -> Tuning:
        """The choices that the sweep found quickest; the defaults, where there was none."""
        for folder in (self.out, self.before):
            if folder and (folder / tune.FILE).exists():
                return tune.read_tuning(folder / tune.FILE)
        return DEFAULT_TUNING

    @property
    def chosen(self) -> Tuning:
        """The same, unless a check of them failed."""
        checks = [line for line in self.lines if line["part"] == CHECK_TUNED]
        failed = any(line.get("ok") is False or "error" in line for line in checks)
        return DEFAULT_TUNING if failed else self.proposed


Array = npt.NDArray[np.float32]
Steps = Callable[[Context], Iterable[Step]]


def _check(context: Context, tuning: Tuning) -> Iterator[Step]:
    device = context.device
    jobs = [
        Job(case.shape, dtype, tuning=tuning, master=case.master)
        for case in check.CASES
        for dtype in check.DTYPES
    ]

    def compile_all(fields: Fields) -> None:
        fields |= device.compile_ahead(jobs, _COMPILE_S)

    yield Step("compile", compile_all)
    if not device.rehearses:
        yield from check.steps(device.torch_device, tuning)
        return
    for step in check.steps(torch.device("cuda"), tuning):
        yield Step(step.name, partial(_rehearsed, name=step.name, device=device))


def _rehearsed(fields: Fields, name: str, device: Device) -> None:
    device.takes(check.seconds_of(name))


def _interpreted(context: Context) -> Iterator[Step]:
    """
    The check in Triton's interpreter, where matrix products add in one order, as on a GPU.

    It asks numpy's BLAS, where a row's bits depend on its place in the block on some processors.
    """
    product = np.matmul
    np.matmul = _in_one_order  # type: ignore[assignment]
    try:
        yield from check.steps(torch.device("cpu"), DEFAULT_TUNING, check.SMALL_CASES)
    finally:
        np.matmul = product


def _in_one_order(a: Array, b: Array, dtype: npt.DTypeLike) -> Array:
    a, b = a.astype(dtype), b.astype(dtype)
    out = np.zeros((len(a), b.shape[1]), a.dtype)
    for k in range(len(b)):
        out += a[:, k, None] * b[k]
    return out


PARTS: dict[str, Steps] = {
    "limits": lambda c: limits.steps(c.device, c.journal),
    "check": lambda c: _check(c, DEFAULT_TUNING),
    CHECK_TUNED: lambda c: _check(c, c.proposed) if c.proposed != DEFAULT_TUNING else (),
    "interpreted": _interpreted,
    "sanitizer": lambda c: sanitizer.steps(c.device),
    "tests": lambda c: device_tests.steps(c.device),
    "kernels": lambda c: kernels.steps(c.device, c.limits, c.chosen),
    "tune": lambda c: tune.steps(c.device, c.out),
    "rivals": lambda c: Grid(c.device, c.limits, c.chosen, c.broken).steps(LAYERS[:1], (1, 512)),
    "grid": lambda c: Grid(c.device, c.limits, c.chosen, c.broken).steps(LAYERS, BATCHES),
    "compiled": lambda c: compiled_dense.steps(c.device),
    "million": lambda c: Million(c.device, c.limits, c.chosen).steps(),
}
