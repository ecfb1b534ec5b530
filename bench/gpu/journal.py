"""What was measured, one line of JSON each, written the moment it is measured."""

import json
import time
from pathlib import Path
from typing import Any

Fields = dict[str, Any]
_SHOWN = (  # of a line, where it is printed
    *("error", "skipped", "seconds", "ok", "wrong", "errors", "value", "best", "state", "kernels"),
    *("ours_us", "dense_us", "ratio_dense", "fraction_of_target"),
)


class Journal:
    """
    The lines of one part in a file that several parts append to.

    Args:
        path: Of the file.
        part: Its name.
    """

    def __init__(self, path: Path, part: str):
        self._path, self._part = path, part

    def write(self, step: str, **fields: Any) -> None:
        """Append a line, and print a short one."""
        line = {"part": self._part, "step": step, "at": round(time.time(), 2), **fields}
        with self._path.open("a") as file:  # one write, so that parts side by side do not mix
            file.write(json.dumps(line, default=str) + "\n")
        print(f"{self._part:9} {step}: {_summary(fields)}"[:200], flush=True)

    def lines(self) -> list[Fields]:
        """All that was written to the file, by any part."""
        return read(self._path)

    def done(self) -> set[str]:
        """Steps of this part that have a line."""
        return {line["step"] for line in self.lines() if line["part"] == self._part}


def read(path: Path) -> list[Fields]:
    """Read a file of lines; one that was cut off is left out."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text().splitlines():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


def _summary(fields: Fields) -> str:
    return " ".join(f"{name}={_short(fields[name])}" for name in _SHOWN if name in fields)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
