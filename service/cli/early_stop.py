"""
A stop signal that comes while `serve` is still being imported: the process ends at once, with 0.

PyTorch alone takes a second to import. Without a handler the system would end the process by the
signal meanwhile; and process 1 of a container would never see it, because the kernel drops what
process 1 does not handle.

Covered:      from the first line of ours until `service.server` has handlers of its own.
Not covered:  the interpreter's own start, some 20 ms before any line of ours.

Imports nothing that the interpreter has not loaded by then, so that it is the first to run.
"""

import os
import signal
from collections.abc import Sequence
from types import FrameType


def end_on_stop_signals(arguments: Sequence[str]) -> None:
    """End on SIGTERM and SIGINT from now on, if the command line is that of `serve`."""
    if arguments[:1] == ["serve"]:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _end)


def _end(number: int, _: FrameType | None) -> None:
    # Not by an exception: what is being imported might catch it. Nothing has been accepted yet.
    name = signal.Signals(number).name
    os.write(2, f"fff-serve: {name} came before the service had started\n".encode())
    os._exit(0)
