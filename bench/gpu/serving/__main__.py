"""
`python -m bench.gpu.serving OUT`: the service on a GPU, one line of JSON a step appended to OUT.

With `--device cpu` it is rehearsed. Exit code 0 if no step failed.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.gpu.serving.part import Plan, serve_part


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu.serving", description=__doc__)
    parser.add_argument("out", type=Path, help="file of lines")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--seconds", type=float, default=150.0, help="no step begins later")
    parser.add_argument("--leg-s", type=float, default=Plan().leg_s, help="seconds of a load")
    options = parser.parse_args(arguments)
    failed: list[str] = []

    def record(step: str, **fields: Any) -> None:
        with options.out.open("a") as out:
            out.write(json.dumps({"part": "serving", "step": step, **fields}, default=str) + "\n")
        print(f"{step}: {json.dumps(fields, default=str)[:300]}", flush=True)
        if "error" in fields:
            failed.append(step)

    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(device=options.device, leg_s=options.leg_s)
        serve_part(record, time.monotonic() + options.seconds, Path(folder), plan)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
