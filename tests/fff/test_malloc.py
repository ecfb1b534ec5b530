import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
from fff.malloc import keep_freed_memory

if sys.argv[1] == "keep":
    assert keep_freed_memory()

def request():
    body = b"x" * 900_000
    return len([bytearray(body), body + b"y"])

for _ in range(3):
    request()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    request()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    command = [sys.executable, "-c", FAULTS, how]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_what_a_request_frees_the_next_one_finds_without_a_page_fault():
    assert faults("keep") * 10 < faults("give back")
