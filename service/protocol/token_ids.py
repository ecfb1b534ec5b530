"""
Token ids from what a request holds, the one place where they become what the engine takes.

Covered:      lists of different lengths, tensors with a mask; every error of an id or a row.
Not covered:  text (`texts`), where tensors come from (`token_request`, `service.grpc.tensors`).
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from model_store.manifest import Manifest
from networks.ragged import NO_TOKEN
from service.errors import InvalidInput, short_repr
from service.protocol.inputs import IDS, MASK
from service.protocol.rows import checked_numbers, whole

Ids = npt.NDArray[np.int32]
"""`[r, t]`, with `NO_TOKEN` behind the last of each row; `t` is as the request has it."""


def require_ids(datatype: object, name: str) -> None:
    """
    Refuse a datatype in which there are no token ids.

    Raises:
        InvalidInput: Naming both.
    """
    if datatype != IDS:
        raise InvalidInput(f"{name}: this model takes token ids, {IDS}, not {short_repr(datatype)}")


def ids_of_lists(data: object, name: str, manifest: Manifest) -> Ids:
    """
    Take rows of ids, each as long as it is.

    Args:
        data: A list of lists, or of arrays; or an array, `[r, t]`.
        name: What the caller calls it, for errors.
        manifest: Gives vocabulary and length.

    Raises:
        InvalidInput: No rows, an empty row, one that is too long, what is no id.
    """
    if isinstance(data, np.ndarray):
        if data.ndim != 2:
            raise InvalidInput(f"{name} must be rows of token ids, [[...], ...], got one list")
        return masked_ids(data, None, name, manifest)
    if not isinstance(data, list) or not all(isinstance(row, list | np.ndarray) for row in data):
        raise InvalidInput(f"{name} must be a list of rows of token ids, got {short_repr(data)}")
    lengths = [len(row) for row in data]
    _check_lengths(lengths, name, manifest)
    flat = np.concatenate(data) if isinstance(data[0], np.ndarray) else _flat(data, name)
    ids = np.full((len(data), max(lengths)), NO_TOKEN, np.int32)
    there = np.arange(max(lengths)) < np.array(lengths)[:, None]
    ids[there] = _known(whole(flat, name), name, manifest)
    return ids


def masked_ids(
    numbers: npt.NDArray[Any], mask: npt.NDArray[Any] | None, name: str, manifest: Manifest
) -> Ids:
    """
    Take a tensor of ids.

    Args:
        numbers: `[r, t]`, of whole numbers.
        mask: `[r, t]`, 1 where there is a token; None if all are.
        name: What the caller calls it, for errors.
        manifest: Gives vocabulary and length.

    Raises:
        InvalidInput: As `ids_of_lists`; or a mask of another shape, of other numbers, or with a
            token behind a place without one.
    """
    rows, t = numbers.shape
    ids = whole(numbers, name)
    if mask is None:
        _check_lengths([t] * rows, name, manifest)
        return _known(ids, name, manifest).astype(np.int32)
    if mask.shape != numbers.shape:
        raise InvalidInput(
            f"{MASK} must be of the shape of {name}, {[rows, t]}, got {list(mask.shape)}"
        )
    if ((mask != 0) & (mask != 1)).any():
        raise InvalidInput(f"{MASK} must hold 1 for a token and 0 for none, got other numbers")
    there = mask.astype(bool)
    lengths = there.sum(1)
    broken = (there != (np.arange(t) < lengths[:, None])).any(1)
    if broken.any():
        raise InvalidInput(
            f"{MASK}: row {int(broken.argmax())} has a token behind a place without one; tokens "
            "must come first"
        )
    _check_lengths([t] * rows, name, manifest)
    _check_lengths(lengths.tolist(), name, manifest)
    _known(ids[there], name, manifest)
    return np.where(there, ids, NO_TOKEN).astype(np.int32)


def _flat(rows: Sequence[list[Any]], name: str) -> npt.NDArray[Any]:
    numbers = checked_numbers([*chain.from_iterable(rows)], name)
    if numbers.ndim != 1:
        raise InvalidInput(f"{name} must be rows of token ids, got lists in them")
    return numbers


def _check_lengths(lengths: Sequence[int], name: str, manifest: Manifest) -> None:
    most = manifest.input_width
    if not lengths:
        raise InvalidInput(f"{name} must hold at least one row of token ids, got none")
    for row, length in enumerate(lengths):
        if not 1 <= length <= most:
            raise InvalidInput(
                f"{name}: row {row} must have 1 to {most} token ids, it has {length}"
            )


def _known(ids: npt.NDArray[np.int64], name: str, manifest: Manifest) -> npt.NDArray[np.int64]:
    """The same, if each is in the vocabulary."""
    unknown = ids[(ids < 0) | (ids >= manifest.vocabulary)]
    if unknown.size:
        raise InvalidInput(
            f"{name}: token ids must be from 0 to {manifest.vocabulary - 1}, got {unknown[0]}"
        )
    return ids
