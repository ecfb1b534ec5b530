"""
A process and all it started: a pause for all, an end for all.

By parentage and not by process group, because supervisors give their workers groups of their own.

`python -m bench.peers.tree PID` is a leash: once its standard input ends, however its holder did,
the tree of PID ends too, and with it the processes that were named on that input.
"""

import contextlib
import signal
import sys
import time
from collections.abc import Iterable, Iterator

from psutil import STATUS_ZOMBIE, NoSuchProcess, Process

END_LIMIT_S = 5


def tree(root: int) -> list[Process]:
    """List a process and its descendants, parents first; nothing if it is gone."""
    try:
        process = Process(root)
        return [process, *process.children(recursive=True)]
    except NoSuchProcess:
        return []


def send(processes: Iterable[Process], number: signal.Signals) -> None:
    """Signal processes; those that are gone are passed over."""
    for process in processes:
        with contextlib.suppress(NoSuchProcess):
            process.send_signal(number)


def end(root: int, known: Iterable[Process]) -> None:
    """
    Wake a tree, ask its root to stop, and kill what is left once it has, or after `END_LIMIT_S`.

    Args:
        root: Process number; asked by SIGTERM.
        known: Descendants seen before, which nobody finds once their parent is gone.
    """
    members = tree(root)
    processes, parent = list(dict.fromkeys([*members, *known])), members[:1]
    send(processes, signal.SIGCONT)
    send(parent, signal.SIGTERM)
    deadline_s = time.monotonic() + END_LIMIT_S
    while any(map(_runs, parent)) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    send(filter(_runs, processes), signal.SIGKILL)


def _runs(process: Process) -> bool:
    try:  # a zombie waits for its parent alone
        return process.is_running() and process.status() != STATUS_ZOMBIE
    except NoSuchProcess:
        return False


def _living(pids: Iterable[int]) -> Iterator[Process]:
    for pid in pids:
        with contextlib.suppress(NoSuchProcess):
            yield Process(pid)


def main(arguments: list[str]) -> int:
    """Hold the leash; returns the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):  # of the terminal: its holder decides
        signal.signal(number, signal.SIG_IGN)
    known: set[Process] = set()
    for line in sys.stdin:  # looked up while they run: a number may have another owner later
        known.update(_living(map(int, line.split())))
    end(int(arguments[0]), known)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
