"""
A process and all it started: their processor time, a pause for all, an end for all.

By parentage and not by process group, because supervisors give their workers groups of their own.

`python -m bench.peers.tree PID` is a leash: once its standard input ends, however its holder did,
the tree of PID ends too, and with it the processes that were named on that input.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

END_LIMIT_S = 5


def tree(root: int) -> list[int]:
    """List a process and its descendants, parents first; nothing if it is gone."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := _parent(int(entry.name))) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found = [root] if _parent(root) is not None else []
    for pid in found:  # grows as it goes
        found += children.get(pid, [])
    return found


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Signal processes; those that are gone are none to signal."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def end(root: int, known: Iterable[int]) -> None:
    """
    Wake a tree, ask its root to stop, and kill what is left once it has, or after a while.

    Args:
        root: Asked by SIGTERM.
        known: Descendants seen before, which nobody finds once their parent is gone.
    """
    pids = list(dict.fromkeys([*tree(root), *known]))
    send(pids, signal.SIGCONT)
    send([root], signal.SIGTERM)
    deadline_s = time.monotonic() + END_LIMIT_S
    while _runs(root) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    send(filter(_runs, pids), signal.SIGKILL)


def _fields(pid: int) -> list[str] | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _parent(pid: int) -> int | None:
    fields = _fields(pid)
    return int(fields[1]) if fields else None  # proc(5): what follows the name begins with field 3


def _runs(pid: int) -> bool:
    fields = _fields(pid)
    return fields is not None and fields[0] != "Z"  # a zombie waits for its parent alone


def main(arguments: list[str]) -> int:
    """Hold the leash; returns the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):  # of the terminal: its holder decides
        signal.signal(number, signal.SIG_IGN)
    known = [int(pid) for pid in sys.stdin.read().split()]
    end(int(arguments[0]), known)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
