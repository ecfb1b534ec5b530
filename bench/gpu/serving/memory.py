"""Memory that is not there: all but a little of a device's, taken from a service for a block."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from bench.gpu.serving.process import DeviceService

LEFT_BYTES = 48 << 20
_HOG = """
import sys, torch
held = []
while (left := torch.cuda.mem_get_info()[0] - int(sys.argv[1])) > 2**21:
    try:
        held.append(torch.empty(min(left, 2**32), dtype=torch.uint8, device="cuda"))
    except torch.OutOfMemoryError:
        break
print("full", flush=True)
sys.stdin.read()
"""


@contextmanager
def scarce_memory(service: DeviceService, device: str) -> Iterator[None]:
    """Leave a service `LEFT_BYTES`: of the GPU's memory, or of the machine's."""
    with _full_gpu() if device == "cuda" else _limited(service.pid):
        yield


@contextmanager
def _full_gpu() -> Iterator[None]:
    command = [sys.executable, "-c", _HOG, str(LEFT_BYTES)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as hog:
        try:
            assert hog.stdout is not None
            if hog.stdout.readline().strip() != "full":
                raise RuntimeError("the memory of the GPU could not be taken")
            yield
        finally:
            hog.kill()


@contextmanager
def _limited(pid: int) -> Iterator[None]:
    process = psutil.Process(pid)
    before = process.rlimit(psutil.RLIMIT_AS)
    process.rlimit(psutil.RLIMIT_AS, (process.memory_info().vms + LEFT_BYTES, before[1]))
    try:
        yield
    finally:
        process.rlimit(psutil.RLIMIT_AS, before)
