"""
`python -m bench.gpu`: the Triton kernels on an NVIDIA GPU, against what they could reach.

Without an option: the device's limits, then every cell of the grid; the last line of standard
output is one JSON object. `--call 1`, `2` and `3` are three runs that fit fifteen minutes on a
lent machine (`bench/gpu/run.sh`); `--all` is everything, most valuable first; `--part` one part.

Each part is a process with a limit of its own, each measurement a line of JSON in OUT, written
when it is measured; what fails costs itself. `--rehearse` runs any of it without a GPU: nothing
is computed, and time passes as it is modelled.

Needs torch and triton; tests and the service's part need more (`bench/gpu/wheels.txt`).
"""

import argparse
import ctypes
import json
import sys
import tempfile
from pathlib import Path

from bench.gpu.journal import Fields, read
from bench.gpu.plans import ALL, BENCH, CALLS, Plan
from bench.gpu.runner import MARGIN_S, Run, run_plan
from bench.gpu.table import table

PART_S = 300.0  # of a part that is run alone


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parse(arguments)
    if not options.rehearse and not _has_gpu():
        print("bench.gpu: no CUDA device is present; nothing was measured", file=sys.stderr)
        return 1
    out: Path = (options.out or Path(tempfile.mkdtemp(prefix="bench-gpu-"))).resolve()
    out.mkdir(parents=True, exist_ok=True)
    before = options.before.resolve() if options.before else None
    name, plan = _plan(options)
    run = Run(out / f"{name}.jsonl", options.rehearse, before)
    if run.file.exists():  # what has a line is not measured again
        print(f"bench.gpu: {run.file} holds results already", file=sys.stderr)
        return 2
    run_plan(plan, run)
    lines = read(run.file)
    print(table(lines), flush=True)
    if plan is BENCH:
        print(json.dumps(_contract(lines)))
    return 0 if lines else 1


def _plan(options: argparse.Namespace) -> tuple[str, Plan]:
    """What to run, and how its file is called."""
    if options.call:
        return f"call{options.call}", CALLS[options.call]
    if options.part:
        return options.part, Plan(PART_S + MARGIN_S, ({options.part: PART_S},))
    return ("all", ALL) if options.all else ("bench", BENCH)


def _contract(lines: list[Fields]) -> Fields:
    """One object, as every bench of this project ends with."""
    machine: Fields = next((line["machine"] for line in lines if "machine" in line), {})
    limits = [line["limits"] for line in lines if "limits" in line]
    cells = [line for line in lines if line["part"] == "grid" and "dtype" in line]
    return {"machine": machine | {"limits": limits[-1] if limits else None}, "cells": cells}


def _has_gpu() -> bool:
    """Ask the driver, and torch only if the driver has none: it takes seconds to import."""
    try:
        driver, count = ctypes.CDLL("libcuda.so.1"), ctypes.c_int()
        failed = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    except OSError:
        failed = -1
    if not failed and count.value > 0:
        return True
    import torch

    return torch.cuda.is_available()


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--all", action="store_true", help="every part")
    what.add_argument("--call", choices=sorted(CALLS), help="one of three runs")
    what.add_argument("--part", metavar="NAME", help="one part")
    parser.add_argument("out", nargs="?", type=Path, metavar="OUT", help="folder for results")
    parser.add_argument("--before", type=Path, help="results of an earlier run, to go on from")
    parser.add_argument("--rehearse", action="store_true", help="compute nothing; needs no GPU")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
