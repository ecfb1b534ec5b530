# mypy: allow-untyped-calls
"""
Kernels compiled to machine code for sm_90, as a batch would launch them, without a GPU.

Every launch is intercepted, and Triton compiles its kernel as it would to run it: with the very
constants, and with what it assumes of the very arguments, but for a fixed GPU. Registers and
machine code are then read by NVIDIA's own tools, which Triton brings along.
"""

import re
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
import triton
from triton import knobs
from triton.backends.compiler import GPUTarget
from triton.runtime import driver
from triton.runtime.jit import JITFunction

from fff.kernels.gpu.graphs import DeviceBatch
from fff.kernels.gpu.launch import launch
from fff.kernels.gpu.layer import PackedLayer
from fff.weights import FFFWeights

TARGET = GPUTarget("cuda", 90, 32)  # an H100 or an H200
_TOOLS = Path(triton.__file__).parent / "backends/nvidia/bin"
# Of one multiprocessor of compute capability 9.0: NVIDIA's table of technical specifications.
_REGISTERS, _REGISTER_UNIT, _WARPS, _PROGRAMS = 65_536, 256, 64, 32
_SHARED_BYTES, _SHARED_RESERVED = 228 << 10, 1 << 10


@dataclass(frozen=True)
class Compiled:
    """
    One kernel as machine code.

    Attributes:
        name: Of its function.
        key: The same for the same source and constants.
        constants: Arguments that it was launched with by name.
        ptx: Triton's output, the assembler's input.
        cubin: The assembler's output.
        registers: Of a thread.
        spilled_bytes: Of a thread's stack, on which registers are spilled.
        shared_bytes: Of a program.
        warps: Of a program.
        stages: Buffers of a loop whose loads run ahead.
    """

    name: str
    key: str
    constants: dict[str, Any]
    ptx: str
    cubin: bytes
    registers: int
    spilled_bytes: int
    shared_bytes: int
    warps: int
    stages: int

    @cached_property
    def sass(self) -> str:
        """Machine code, as text with source lines: as much work as half of the compilation."""
        return _output(self.cubin, "nvdisasm", "-c", "-g")

    @property
    def resident(self) -> int:
        """Programs that one multiprocessor holds at a time."""
        of_a_warp = -(-32 * self.registers // _REGISTER_UNIT) * _REGISTER_UNIT
        return min(
            _PROGRAMS,
            _WARPS // self.warps,
            _REGISTERS // of_a_warp // self.warps,
            _SHARED_BYTES // (self.shared_bytes + _SHARED_RESERVED),
        )


class _NoGPU:
    """Stands for a GPU of `TARGET` where Triton asks for the one to compile for."""

    def get_current_device(self) -> str:
        """Triton keeps kernels by it: these must not be taken for a real device's."""
        return "compiled only"

    def get_current_stream(self, device: object) -> int:
        return 0

    def get_current_target(self) -> Any:
        return TARGET


def compile_only(launches: Callable[[], object]) -> list[Compiled]:
    """
    Compile, in order, the kernels that a callable launches; none runs.

    Args:
        launches: Launches Triton kernels, on tensors of any device.
    """
    kernels: list[Compiled] = []
    known: dict[str, Compiled] = {}
    compile_and_run = JITFunction.run

    def run(kernel: Any, *args: Any, grid: Any, warmup: bool, **kwargs: Any) -> None:
        done = compile_and_run(kernel, *args, grid=grid, warmup=True, **kwargs)  # the first half
        if done.hash not in known:
            known[done.hash] = _read(done, kwargs)
        kernels.append(known[done.hash])

    with (
        knobs.cache.scope(),
        patch.object(JITFunction, "run", run),
        patch.object(driver, "_active", _NoGPU()),
    ):
        knobs.cache.dir = _own_cache().name
        launches()
    return kernels


@cache
def _own_cache() -> "tempfile.TemporaryDirectory[str]":
    """Triton's keeps a kernel's source lines from when it was first compiled, in any checkout."""
    return tempfile.TemporaryDirectory()


def batch(w: FFFWeights, leaf_dtype: str, bucket: int) -> Callable[[], object]:
    """
    What a batch launches: the one place here that calls the kernels.

    Args:
        w: A layer, on the CPU.
        leaf_dtype: How leaves are stored and multiplied.
        bucket: Rows to launch programs for.
    """
    layer = PackedLayer.pack(w, torch.device("cpu"), leaf_dtype, bucket)
    n, rechecked = torch.zeros(1, dtype=torch.int32), torch.zeros(1, dtype=torch.int64)
    x, logits = torch.zeros(bucket, w.input_width), torch.zeros(bucket, w.output_width)
    memory = DeviceBatch(n, x, logits, n.repeat(bucket), torch.zeros(bucket), rechecked)
    return lambda: launch(layer, memory, bucket)


def _read(done: Any, kwargs: dict[str, Any]) -> Compiled:
    usage = _output(done.asm["cubin"], "cuobjdump", "--dump-resource-usage")
    found = re.search(r"REG:(\d+) STACK:(\d+)", usage)
    assert found, usage
    meta = done.metadata
    return Compiled(
        name=meta.name,
        key=done.hash,
        constants=kwargs,
        ptx=done.asm["ptx"],
        cubin=done.asm["cubin"],
        registers=int(found[1]),
        spilled_bytes=int(found[2]),
        shared_bytes=meta.shared,
        warps=meta.num_warps,
        stages=meta.num_stages,
    )


def _output(cubin: bytes, tool: str, *arguments: str) -> str:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        command = [str(_TOOLS / tool), *arguments, file.name]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
