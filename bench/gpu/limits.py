# mypy: allow-untyped-calls
"""
What the device can do at best, measured: these replace the assumptions of `bench.gpu.target`.

Covered:      one more kernel in a CUDA graph; one dependent load, from L2 and from memory;
              reading from both; large matrix products in bfloat16, TF32 and float32.
Not covered:  atomics, shared memory; what small grouped products reach.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from bench.gpu.costs import H100
from bench.gpu.device import Call, Device
from bench.gpu.journal import Fields, Journal
from bench.gpu.limit_kernels import chase, nothing, read
from bench.gpu.sides import in_tf32
from bench.gpu.steps import Step
from bench.gpu.target import Limits

STEP = "limits"
_FEW, _MANY = 20, 220  # empty kernels in a graph
_LINE = 32  # words: a line of the cache, so that no hop finds its next place beside it
_HOPS = 2000
_L2_BYTES, _HBM_BYTES = 16 << 20, 1 << 30  # that a walk goes through
_READ_L2_BYTES, _READ_HBM_BYTES = 24 << 20, 2 << 30
_TURNS = 40  # that L2 is read in one call
_BLOCK, _PROGRAMS = 8192, 132 * 2  # all at once: a second wave would be a tail
_GEMM, _GEMM_FLOAT32 = 8192, 4096


def steps(device: Device, journal: Journal) -> Iterator[Step]:
    """One for each limit, and a last one that writes them all."""
    finders: dict[str, Callable[[Device], float]] = {
        "launch_s": _launch_s,
        "l2_bytes": _l2_bytes,
        "hop_warm_s": partial(_hop_s, size=_L2_BYTES, expected_s=H100.hop_warm_s),
        "hop_cold_s": partial(_hop_s, size=_HBM_BYTES, expected_s=H100.hop_cold_s),
        "l2_bytes_s": partial(_read_bytes_s, size=_READ_L2_BYTES, turns=_TURNS),
        "hbm_bytes_s": partial(_read_bytes_s, size=_READ_HBM_BYTES, turns=1),
        "flops_16": partial(_flops, size=_GEMM, dtype=torch.bfloat16),
        "flops_tf32": partial(_flops, size=_GEMM, dtype=torch.float32, tf32=True),
        "flops_32": partial(_flops, size=_GEMM_FLOAT32, dtype=torch.float32),
    }

    def measure(fields: Fields, name: str) -> None:
        fields["value"] = finders[name](device)

    def summarize(fields: Fields) -> None:
        own = [line for line in journal.lines() if line["part"] == STEP and "value" in line]
        measured = {line["step"]: line["value"] for line in own}
        fields["limits"] = asdict(replace(Limits(), **measured))
        fields["assumed"] = sorted(set(fields["limits"]) - set(measured))

    for name in finders:
        yield Step(name, partial(measure, name=name))
    yield Step(STEP, summarize)


def found_in(lines: Sequence[Fields]) -> Limits:
    """The limits that were written last; assumptions, if none were."""
    written = [line["limits"] for line in lines if "limits" in line]
    return Limits(**written[-1]) if written else Limits()


def _l2_bytes(device: Device) -> float:
    """What stays in L2 of what is read again and again: not all of it."""
    if device.torch_device.type != "cuda":
        return Limits().l2_bytes
    return float(0.8 * torch.cuda.get_device_properties(device.torch_device).L2_cache_size)


def _launch_s(device: Device) -> float:
    """Seconds of one more kernel in a graph: the graph's own floor is in both legs."""
    word = torch.zeros(1, dtype=torch.int32, device=device.torch_device)
    launch = partial(_launch, nothing, 1, word)
    few, many = (
        count * device.graph_times([launch], H100.launch_s, count=count).p50_us
        for count in (_FEW, _MANY)
    )
    return 1e-6 * (many - few) / (_MANY - _FEW)


def _hop_s(device: Device, size: int, expected_s: float) -> float:
    """Seconds of one load whose address is known from the load before."""
    successor = _cycle(size // 4, device.torch_device)
    place = torch.zeros(1, dtype=torch.int32, device=device.torch_device)
    successor.sum()  # into L2, if it fits
    walk = partial(_launch, chase, 1, successor, place, _HOPS, num_warps=1)
    return 1e-6 * device.graph_times([walk], _HOPS * expected_s, count=8).p50_us / _HOPS


def _cycle(words: int, device: torch.device) -> Tensor:
    """One cycle through a place in each line, in random order, `[words]`, int32."""
    torch.manual_seed(0)
    places = (torch.randperm(words // _LINE, device=device) * _LINE).int()
    successor = torch.zeros(words, dtype=torch.int32, device=device)
    successor[places.long()] = places.roll(-1)
    return successor


def _read_bytes_s(device: Device, size: int, turns: int) -> float:
    words = torch.ones(size // 4, dtype=torch.int32, device=device.torch_device)
    sums = torch.zeros(_PROGRAMS, dtype=torch.int32, device=device.torch_device)
    call = partial(
        _launch, read, _PROGRAMS, words, sums, size // 4 // _BLOCK, turns, BLOCK=_BLOCK, num_warps=8
    )
    bandwidth = H100.hbm_bytes_s if turns == 1 else H100.l2_bytes_s
    return 1e6 * size * turns / device.graph_times([call], size * turns / bandwidth, count=8).p50_us


def _flops(device: Device, size: int, dtype: torch.dtype, tf32: bool = False) -> float:
    """Of one square matrix product, on numbers that are not zero."""
    a = torch.empty(size, size, dtype=dtype, device=device.torch_device).normal_()
    product = torch.empty_like(a)
    calls: list[Call] = [partial(torch.matmul, a, a, out=product)]
    peak = {torch.bfloat16: H100.flops_16, torch.float32: H100.flops_32}[dtype]
    expected_s = 2 * size**3 / (H100.flops_tf32 if tf32 else peak)
    times = device.graph_times(in_tf32(calls) if tf32 else calls, expected_s, count=4)
    return 1e6 * 2 * size**3 / times.p50_us


def _launch(kernel: Any, programs: int, *args: Any, **constants: Any) -> None:
    kernel[(programs,)](*args, **constants)
