"""
Compile the kernel ahead, for every level of x86-64: `python -m fff.kernels.cpu.prebuild FOLDER`.

The folder then goes to `fff/kernels/cpu/prebuilt` of an installation whose sources, Numba and
Python are the same. Each level is compiled in a process of its own, because Numba has one target a
process, and all at a time. On a processor other than x86 nothing is written.

The lowest level takes the longest, 45 s of a core: it has no fused multiply-add, and LLVM unrolls
the calls in its place.
"""

import argparse
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numba

from fff.kernels.cpu.prebuilt import LEVELS, name_of, select


def compile_level(level: str, folder: Path) -> None:
    """Write the code of one level to `folder/KEY/LEVEL`; once a process, before any other code."""
    select(level)
    with tempfile.TemporaryDirectory() as cache:
        numba.config.CACHE_DIR = cache
        import fff.kernels.cpu.backend  # noqa: F401  (importing it compiles)
        import fff.kernels.cpu.beta  # noqa: F401
        from fff.kernels.cpu.compile import DIGEST

        target = folder / name_of(DIGEST) / level
        target.mkdir(parents=True)
        for file in Path(cache).glob("*/*.nb[ic]"):
            (target / file.name).write_bytes(file.read_bytes())


def main() -> None:
    """Compile one level, or each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where to write; made")
    parser.add_argument("--level", choices=LEVELS, help="this one alone")
    given = parser.parse_args()
    if given.level:
        compile_level(given.level, given.folder)
        return
    given.folder.mkdir(parents=True, exist_ok=True)
    levels = LEVELS if platform.machine() in ("x86_64", "AMD64") else {}
    command = [sys.executable, "-m", "fff.kernels.cpu.prebuild", str(given.folder), "--level"]
    compilers = [subprocess.Popen([*command, one]) for one in levels]
    if any([compiler.wait() for compiler in compilers]):
        sys.exit("the kernel could not be compiled ahead")


if __name__ == "__main__":
    main()
