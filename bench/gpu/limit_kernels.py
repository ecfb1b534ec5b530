# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
"""Triton kernels that do one thing each, to find how fast the device does it."""

import triton
import triton.language as tl


@triton.jit
def nothing(word):
    """Be launched. An argument that is not used costs what an argument costs."""


@triton.jit
def chase(
    successor,  # [n] int32: a cycle through its own places
    place,  # in, out: [1] int32, where the walk stands: the next call goes on from there
    hops,
):
    """Walk `hops` places, each known only from the one before, as in a walk down a tree."""
    at = tl.load(place)
    for _ in range(hops):
        at = tl.load(successor + at)
    tl.store(place, at)


@triton.jit
def read(
    words,  # [n] int32
    sums,  # out: [programs] int32
    blocks,  # n // BLOCK
    turns,  # times that all of it is read
    BLOCK: tl.constexpr,
):
    """Read memory around L1, as far as that leads: L2, or beyond where L2 does not hold it."""
    total = tl.zeros([BLOCK], tl.int32)
    for number in range(tl.program_id(0), blocks * turns, tl.num_programs(0)):
        first = (number % blocks).to(tl.int64) * BLOCK
        total += tl.load(words + first + tl.arange(0, BLOCK), cache_modifier=".cg")
    tl.store(sums + tl.program_id(0), tl.sum(total, 0))
