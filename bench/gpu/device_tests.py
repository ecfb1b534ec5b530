"""The kernels' own tests, on the device: eight processes at once, for their many compilations."""

import sys
from collections.abc import Iterator
from functools import partial

from bench.gpu.device import Device
from bench.gpu.journal import Fields
from bench.gpu.processes import run
from bench.gpu.steps import Step

FOLDER = "tests/fff/kernels/gpu"
FILES = ("test_cases.py", "test_groups.py", "test_graphs.py")
LIMIT_S = 80.0
_REHEARSED_S = 60.0  # a guess
# The image lacks pytest-asyncio, whose options the project's own configuration has.
_PLAIN = ("-c", "/dev/null", "--rootdir", ".", "-p", "no:cacheprovider", "-q", "--tb=short")
_AT_ONCE = ("-n", "8", "--maxfail", "10")


def steps(device: Device) -> Iterator[Step]:
    """One, of all files."""
    yield Step("pytest", partial(_run, device=device))


def _run(fields: Fields, device: Device) -> None:
    command = [sys.executable, "-m", "pytest", *_PLAIN]
    files = [f"{FOLDER}/{name}" for name in FILES]
    if device.rehearses:  # whether they can be imported there at all
        found = run([*command, "--collect-only", *files], LIMIT_S, {"TRITON_INTERPRET": "1"})
        device.takes(_REHEARSED_S)
    else:
        found = run([*command, *_AT_ONCE, *files], LIMIT_S, {"FFF_TEST_DEVICE": "cuda"})
    fields |= {"ok": found.code == 0 and found.in_time, "code": found.code}
    fields |= {"in_time": found.in_time, "tail": found.tail}
