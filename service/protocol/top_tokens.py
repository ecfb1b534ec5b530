"""
The most likely ids of each place that is to be filled in, without the logits of all the others.

Covered:      ids and their probabilities; in pieces, so that nobody waits for long.
Not covered:  how many are asked for (`infer_options`), how they are written (`outputs`).
"""

import numpy as np
import numpy.typing as npt

from networks.ragged import NO_TOKEN
from service.engine.offload import PIECE_NUMBERS
from service.job import Rows
from service.metrics.pacing import let_go

MOST_TOP = 100
"""Most ids of a place: more are a vocabulary, for which there are the logits."""

Ids = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float32]


def top_tokens(
    logits: npt.NDArray[np.float32], ids: Rows, k: int, mask_token: int | None
) -> tuple[Ids, Shares]:
    """
    Find the likeliest ids.

    Args:
        logits: `[n, t, v]`.
        ids: `[n, t]`, as they were computed.
        k: How many of each place.
        mask_token: The id whose places are looked at; None if all are that have a token.

    Returns:
        Ids, `[n, t, k]`, the likeliest first, and their probabilities; -1 and 0 where nothing is
        looked at, and beyond the vocabulary.
    """
    places = ids != NO_TOKEN if mask_token is None else ids == mask_token
    n, t, v = logits.shape
    found, shares = np.full((n, t, k), NO_TOKEN, np.int64), np.zeros((n, t, k), np.float32)
    rows, columns = np.nonzero(places)
    size = max(1, 4 * PIECE_NUMBERS // v)
    for start in range(0, len(rows), size):
        if start:
            let_go()
        at = rows[start : start + size], columns[start : start + size]
        top, share = _likeliest(logits[at], min(k, v))
        found[(*at, slice(top.shape[1]))] = top
        shares[(*at, slice(top.shape[1]))] = share
    return found, shares


def _likeliest(logits: npt.NDArray[np.float32], k: int) -> tuple[Ids, Shares]:
    """Of `[m, v]` the `k` largest of each row, of equal ones the lower id first; and shares."""
    top = np.sort(np.argpartition(-logits, k - 1, axis=1)[:, :k], axis=1)
    order = np.argsort(-np.take_along_axis(logits, top, 1), axis=1, kind="stable")
    top = np.take_along_axis(top, order, 1)
    largest = logits.max(1, keepdims=True)
    powers = np.exp(np.take_along_axis(logits, top, 1) - largest)
    return top, powers / np.exp(logits - largest).sum(1, keepdims=True)
