"""
Memory errors, races and barriers that not all reach, as NVIDIA's `compute-sanitizer` finds them.

It is there on some machines only; on others it says that the device is not supported.
"""

import shutil
import sys
import threading
from collections.abc import Iterator
from functools import partial

from bench.gpu.device import Device
from bench.gpu.journal import Fields
from bench.gpu.processes import Ended, run
from bench.gpu.steps import Step

TOOLS = ("memcheck", "racecheck", "synccheck")
LIMIT_S = 50.0  # of one tool; all run beside what takes longer
_FOLDERS = "/usr/local/cuda/bin:/usr/local/cuda/compute-sanitizer"  # where it is, if on no path
_FOUND = 86  # the exit code that is asked for where errors are found
_UNSUPPORTED = "Device not supported"
_REHEARSED_S = 25.0


def steps(device: Device) -> Iterator[Step]:
    """All tools at once, each in a process of its own; then a step for each."""
    ended: dict[str, Ended | str] = {}

    def run_all(fields: Fields) -> None:
        if device.rehearses:  # whether the program itself is right
            found = run(
                [sys.executable, "-m", "bench.gpu.tiny"], LIMIT_S, {"TRITON_INTERPRET": "1"}
            )
            fields |= {"ok": found.code == 0, "tail": found.tail}
            device.takes(_REHEARSED_S)
        threads = [threading.Thread(target=_run, args=(tool, ended)) for tool in TOOLS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        fields["ended"] = sorted(ended)

    yield Step("all", run_all)
    for tool in TOOLS:
        yield Step(tool, partial(_report, tool=tool, ended=ended))


def _run(tool: str, ended: dict[str, Ended | str]) -> None:
    options = ["--tool", tool, "--error-exitcode", str(_FOUND), "--print-limit", "5"]
    name = "compute-sanitizer"
    found = shutil.which(name) or shutil.which(name, path=_FOLDERS) or name
    command = [found, *options, sys.executable, "-m", "bench.gpu.tiny"]
    try:
        ended[tool] = run(command, LIMIT_S, {})
    except OSError as exc:
        ended[tool] = f"{type(exc).__name__}: {exc}"


def _report(fields: Fields, tool: str, ended: dict[str, Ended | str]) -> None:
    found = ended.get(tool, "was not run")
    if isinstance(found, str):
        fields["skipped"] = found
    elif _UNSUPPORTED in found.tail:
        fields["skipped"] = _UNSUPPORTED
    elif not found.in_time:
        fields |= {"skipped": f"not done in {LIMIT_S:.0f} s", "tail": found.tail}
    else:
        fields |= {"ok": found.code == 0, "code": found.code, "tail": found.tail}
