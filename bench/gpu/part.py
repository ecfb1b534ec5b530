"""
`python -m bench.gpu.part NAME FILE --until S`: one part of the bench, in this process.

Exits 0 when it is done or out of time, 3 when the device does not answer any more.
"""

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

import torch

from bench.gpu.cuda_device import Gpu
from bench.gpu.journal import Fields, Journal
from bench.gpu.machine import machine
from bench.gpu.parts import PARTS, Context
from bench.gpu.rehearsal import START_S, Rehearsal
from bench.gpu.steps import described, run_steps

LOST = 3
_MARGIN_S = 3.0  # to end by itself before it is ended


def main(arguments: list[str] | None = None) -> int:
    """Run a part; returns the exit code."""
    options = _parse(arguments)
    ends_s = options.until - _MARGIN_S
    signal.signal(signal.SIGTERM, _end)
    journal = Journal(options.file, options.name)
    try:
        device = Rehearsal() if options.rehearse else Gpu()
    except Exception as exc:  # whatever CUDA or torch say where it cannot be used
        journal.write("start", error=described(exc))
        return LOST
    _describe_machine(journal)
    context = Context(device, journal, options.file.parent, options.before)
    with torch.no_grad():
        if isinstance(device, Gpu):
            alive = run_steps(
                PARTS[options.name](context), journal, device, ends_s, options.crashed
            )
        else:
            device.takes(START_S)
            alive = rehearse(options.name, context, ends_s)
    return 0 if alive else LOST


def rehearse(name: str, context: Context, ends_s: float) -> bool:
    """Run a part's steps without a device."""
    device = context.device
    assert isinstance(device, Rehearsal)
    if name == "interpreted":
        return run_steps(PARTS[name](context), context.journal, device, ends_s)
    with device.without_kernels():
        return run_steps(PARTS[name](context), context.journal, device, ends_s)


def _describe_machine(journal: Journal) -> None:
    if not any("machine" in line for line in journal.lines()):
        found: Fields = machine()
        journal.write("machine", machine=found)


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench.gpu.part", description=__doc__)
    parser.add_argument("name", choices=sorted(PARTS))
    parser.add_argument("file", type=Path, help="of JSON lines, appended to")
    parser.add_argument("--until", type=float, required=True, help="when it is ended: see runner")
    parser.add_argument("--before", type=Path, help="results of an earlier run")
    parser.add_argument("--rehearse", action="store_true", help="compute nothing")
    parser.add_argument(
        "--crashed", action="store_true", help="the step that has no line yet ended its process"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
