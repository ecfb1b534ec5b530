"""
Examples of token ids, of different lengths: which are computed together, and what goes where.

Rule: examples whose lengths fall between the same two bounds share a batch that is as long as the
longest of them. Bounds are 8, 16, 24 and 32, then four for each doubling: 40, 48, 56, 64, 80, ...
So batches are few, 20 at most up to 512 tokens, and padding is bounded: 7 tokens, or less than a
quarter of the example. The bounds are fixed, not made of the lengths at hand, so that what an
example costs is known before it has any company.

24 texts, lengths log-normal around 40 and up to 256, four blocks of width 128 with FFF layers, took
45.7 ms of one processor so, 52.5 by two bounds for each doubling, 55.4 by one, 103.2 padded to the
longest, and 81.9 one by one (2-core VM, busy, least of 7 passes over 6 batches, 2026-11-28).

An example alone, and examples of one length, are not padded at all.

Covered:      buckets, masks, the order of answers, what examples cost.
Not covered:  running a batch (`networks.backend`); where ids come from (`service.protocol`).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

NO_TOKEN = -1
"""Stands in `[n, t]` ids behind the last one of an example."""

LEAST_TOKENS = 8
"""What the shortest example counts."""

_BOUNDS = np.array([8, 16, 24, *(bound << k for k in range(26) for bound in (32, 40, 48, 56))])


class Part(NamedTuple):
    """
    Some examples of a batch, to be computed together.

    Attributes:
        examples: Which ones, `[m]`, int64.
        ids: `[m, t]`, int32, 0 where there is no token.
        mask: Which tokens there are, `[m, t]`, bool; None where all are.
    """

    examples: Tensor
    ids: Tensor
    mask: Tensor | None


def bucketed(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """As many tokens as examples of these lengths, `[n]`, count: the bounds of their buckets."""
    bounds: npt.NDArray[np.int64] = _BOUNDS[np.searchsorted(_BOUNDS, lengths)]
    return bounds


def cost_of(ids: npt.NDArray[Any]) -> int:
    """As many tokens as `[n, t]` ids cost, `NO_TOKEN` behind the last of each example."""
    return int(bucketed((ids != NO_TOKEN).sum(1)).sum())


def costly_lengths(tokens: int, longest: int) -> list[int]:
    """Lengths up to `longest` that cost about so many tokens, in as many parts as these can be."""
    fit = np.searchsorted(_BOUNDS, max(longest, LEAST_TOKENS), side="right")
    bounds, lengths, left = _BOUNDS[:fit].tolist(), list[int](), tokens
    while left >= LEAST_TOKENS:
        bound = bounds[len(lengths)] if len(lengths) < len(bounds) else bounds[-1]
        lengths.append(min(longest, bound if bound <= left else LEAST_TOKENS))
        left -= bound if bound <= left else LEAST_TOKENS
    return lengths or [min(longest, tokens)]


def parts_of(ids: Tensor, most_tokens: int, alone: bool) -> list[Part]:
    """
    Cut a batch into parts.

    Args:
        ids: `[n, t]`, int32, `NO_TOKEN` behind the last of each example.
        most_tokens: Most tokens of a part, padding counted; but one example at least.
        alone: Whether each example is a part.

    Raises:
        ValueError: An example without a token.
    """
    lengths = (ids != NO_TOKEN).sum(1)
    if len(ids) and int(lengths.min()) == 0:
        raise ValueError("every example must have at least one token")
    order = torch.argsort(lengths, stable=True)
    sizes = lengths[order].tolist()
    bounds = bucketed(np.array(sizes, np.int64)).tolist()
    parts, start = [], 0
    for stop in range(1, len(sizes) + 1):
        full = alone or (stop - start + 1) * bounds[start] > most_tokens
        if stop == len(sizes) or full or bounds[stop] != bounds[start]:
            parts.append(_part(ids, order[start:stop], sizes[start], sizes[stop - 1]))
            start = stop
    return parts


def _part(ids: Tensor, examples: Tensor, shortest: int, longest: int) -> Part:
    own = ids[examples, :longest]
    if shortest == longest:
        return Part(examples, own, None)
    mask = own != NO_TOKEN
    return Part(examples, own.masked_fill(~mask, 0), mask)


def put_back(
    parts: Sequence[Part],
    made: Sequence[Tensor],
    n: int,
    t: int,
    tokens: int | None,
    missing: float,
) -> Tensor:
    """
    Put what was made of parts into the order of their examples.

    Args:
        parts: At least one.
        made: Of each part, `[m, ...]`.
        n: Examples of all parts.
        t: Tokens of each in what is returned, padding counted.
        tokens: Which dimension of what was made counts tokens; None if none does.
        missing: Stands where a part is shorter than `t`.
    """
    shape = [n, *made[0].shape[1:]]
    if tokens is not None:
        shape[tokens] = t
    whole = made[0].new_full(shape, missing)
    for part, tensor in zip(parts, made, strict=True):
        own = whole if tokens is None else whole.narrow(tokens, 0, tensor.shape[tokens])
        own[part.examples] = tensor.to(whole.device)
    return whole
