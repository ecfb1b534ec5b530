# mypy: allow-untyped-calls, disable-error-code="attr-defined"
"""
Kernels compiled before they are needed, by as many processes as there are processors.

Each compiles what a batch would launch, for the device's architecture and without the device,
into Triton's cache on disk, where the process that measures finds it.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing import TimeoutError as PoolTimeout
from multiprocessing import get_context
from typing import Any

import torch

from bench.gpu.layers import compute, device_batches, empty_tree
from bench.networks import Shape, random_dense
from fff.kernels.gpu.launch import launch_tiles
from fff.kernels.gpu.layer import PackedLayer
from fff.kernels.gpu.tuning import DEFAULT_TUNING, Tuning

MOST_WORKERS = 14
_META = torch.device("meta")


@dataclass(frozen=True, slots=True)
class Job:
    """
    Kernels of one layer.

    Attributes:
        shape: Widths and depth.
        dtype: Of the leaves.
        sizes: Of the batches: one for each way to launch.
        tuning: Of the launches.
        master: Hidden neurons of the master leaf; 0 for none.
        mixture: Whether mixtures of two experts a row run on the same leaves.
    """

    shape: Shape
    dtype: str
    sizes: tuple[int, ...] = (1, 64, 128)
    tuning: Tuning = DEFAULT_TUNING
    master: int = 0
    mixture: bool = False


def launch_all(job: Job) -> None:
    """Launch what the job needs, on tensors without memory."""
    w = empty_tree(job.shape, _META)
    if job.master:
        master = random_dense(job.shape, job.master, torch.Generator())
        w = replace(w, master=master, master_logit=torch.zeros(()))
    layer = PackedLayer.pack(w, _META, job.dtype, max(job.sizes), job.tuning)
    for rows in job.sizes:
        x = torch.empty(1, rows, job.shape.i, device=_META)
        (batch,) = device_batches(x, layer)
        compute(layer, batch)
    if job.mixture:
        launch_tiles(layer.leaves, 1, batch.x, layer.groups, batch.logits, fanout=2)


def compile_in_processes(
    jobs: Sequence[Job], capability: tuple[int, int], limit_s: float
) -> dict[str, Any]:
    """
    Compile; what is not done in time is compiled when it is launched.

    Args:
        jobs: Dearest first.
        capability: Of the device, major and minor.
        limit_s: Seconds to wait at most.

    Returns:
        For a journal: how many were done, and what failed.
    """
    ends_s, failures, done = time.monotonic() + limit_s, list[str](), 0
    workers = max(1, min(MOST_WORKERS, len(jobs), (os.cpu_count() or 2) - 1))
    major, minor = capability
    with get_context("spawn").Pool(workers, _without_a_device, (10 * major + minor,)) as pool:
        results = pool.imap_unordered(_compile, jobs)
        try:
            for _ in jobs:
                error = results.next(max(0.1, ends_s - time.monotonic()))
                done += 1
                failures += [error] if error else []
        except PoolTimeout:
            failures.append(f"not done in {limit_s:.0f} s")
    return {"jobs": len(jobs), "done": done, "workers": workers, "failures": failures[:5]}


def _compile(job: Job) -> str:
    """Returns why it failed; nothing, if it did not."""
    try:
        launch_all(job)
    except Exception as exc:  # a kernel that does not compile fails again where it is launched
        return f"{job.shape} {job.dtype}: {type(exc).__name__}: {exc}"[:300]
    return ""


def _without_a_device(capability: int) -> None:
    """Make every launch of this process a compilation."""
    from triton.backends.compiler import GPUTarget
    from triton.runtime import JITFunction, driver

    driver.set_active(_Target(GPUTarget("cuda", capability, 32)))
    run = JITFunction.run

    def compile_only(kernel: Any, *args: Any, grid: Any, warmup: bool, **kwargs: Any) -> None:
        run(kernel, *args, grid=grid, warmup=True, **kwargs)

    JITFunction.run = compile_only


class _Target:
    """As much of a driver as a compilation asks for."""

    def __init__(self, target: object):
        self._target = target

    def get_current_target(self) -> object:
        return self._target

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0
