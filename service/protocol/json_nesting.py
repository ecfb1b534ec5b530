"""
Images in a long list: brackets within brackets, taken off piece by piece and checked at the end.

Between two rows of an image `[c, h, w]` as many lists end as begin: one, or two after the last row
of a channel, three after the last of an image. So the brackets tell the shape, and whether all
images have the same, without the numbers.

Covered:      lists of any depth from 3 on, with blanks between brackets.
Not covered:  the numbers between them (`json_blocks`).
"""

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import InvalidInput

_OPENING = re.compile(rb"\[(?:[ \t\r\n]*\[)*")
_CLOSING = re.compile(rb"\](?:[ \t\r\n]*\])*")


def depth_of(body: bytes, start: int) -> int:
    """How many lists begin where one begins, it among them."""
    found = _OPENING.match(body, start)
    return 0 if found is None else found[0].count(b"[")


class Nesting:
    """
    The brackets of one list.

    Args:
        name: Of the list, for errors.
    """

    def __init__(self, name: str):
        self._name = name
        self._opened: list[int] = []
        self._closed: list[int] = []

    def flatten(self, piece: bytes) -> bytes:
        """Leave one bracket of each that stand together, and remember how many there were."""
        self._opened += [run.count(b"[") for run in _OPENING.findall(piece)]
        self._closed += [run.count(b"]") for run in _CLOSING.findall(piece)]
        return _CLOSING.sub(b"]", _OPENING.sub(b"[", piece))

    def shaped(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """
        Give rows, `[m, w]`, the shape that the brackets tell, `[n, ..., w]`.

        Raises:
            InvalidInput: If parts of it are of different shapes.
        """
        opened, closed = np.array(self._opened), np.array(self._closed)
        # What ends behind a row begins before the next one; behind the last, before the first.
        if not np.array_equal(opened, np.roll(closed, 1)) or closed[-1] != closed.max():
            raise self._ragged()
        sides, inside = [], 1
        for level in range(2, closed[-1] + 1):
            ends = np.flatnonzero(closed >= level) + 1
            if not np.array_equal(ends, ends[0] * np.arange(1, len(ends) + 1)):
                raise self._ragged()
            sides.append(int(ends[0]) // inside)
            inside = int(ends[0])
        return rows.reshape(-1, *reversed(sides), rows.shape[1])

    def _ragged(self) -> InvalidInput:
        return InvalidInput(f"{self._name} must be examples of one shape, got ragged ones")
