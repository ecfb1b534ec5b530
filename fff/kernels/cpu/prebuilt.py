"""
The kernel's machine code, compiled ahead: for an image, whose root is read-only.

Numba keys its code by the processor's name and features, so that a file from one machine misses on
another. Compiled ahead, it is for a level of x86-64, and a process takes the highest level that its
processor has. From AVX2 on, the kernel's own vectors decide most of what is emitted (`simd`), so
that a level is about as fast as the code for the processor itself; decision 7 has figures, and one
case where it is not. Every level gives the same bits (`tests/fff/kernels/cpu/test_isa.py`).

Covered:      finding and reading it.
Not covered:  writing it (`prebuild`); processors other than x86, which compile at the start.
"""

import platform
from pathlib import Path
from typing import Any, Self

import numba
from llvmlite import binding
from numba.core import caching

HERE = Path(__file__).parent
FOLDER = HERE / "prebuilt"

V2 = {"cx16", "popcnt", "sahf", "sse3", "sse4.1", "sse4.2", "ssse3"}
V3 = V2 | {"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "xsave"}
V4 = V3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
LEVELS = {"x86-64-v4": V4, "x86-64-v3": V3, "x86-64-v2": V2}
"""Levels of the x86-64 psABI, best first, in LLVM's names; what a processor must have for each."""
_FALLBACK = ("UserProvidedCacheLocator", "InTreeCacheLocator", "UserWideCacheLocator")


def level() -> str | None:
    """The highest level that this processor and its system have; None if none, or no x86."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return None
    features = binding.get_host_cpu_features()
    return next((one for one, all_of in LEVELS.items() if all(map(features.get, all_of))), None)


def name_of(digest: str) -> str:
    """Folder of the code that this version of Numba made of sources of this digest."""
    return f"{digest}-numba{numba.__version__}"


def select(target: str) -> None:
    """Have Numba compile for a level, and look for code of that level alone."""
    # An empty set of features: those that the level itself has.
    numba.config.CPU_NAME, numba.config.CPU_FEATURES = target, ""


class Locator(caching.InTreeCacheLocator):  # type: ignore[misc]  # Numba publishes no types
    """Where Numba finds the code of a function of this folder; `None` for any other."""

    folder: Path | None = None

    def get_cache_path(self) -> str:
        return str(self.folder)

    @classmethod
    def from_function(cls, function: Any, file: str) -> Self | None:
        if cls.folder is None or Path(file).parent != HERE:
            return None
        if not any(cls.folder.glob(f"{Path(file).stem}.{function.__qualname__}-*.nbi")):
            return None
        return cls(function, file)


def use(digest: str) -> None:
    """Read code compiled ahead of sources of this digest, if any fits; a given CPU name rules."""
    best = level()
    if best is None or numba.config.CPU_NAME is not None:
        return
    folder = FOLDER / name_of(digest) / best
    if folder.is_dir():
        Locator.folder = folder
        select(best)
        ours = f"{__name__}.{Locator.__qualname__}"
        numba.config.CACHE_LOCATOR_CLASSES = ",".join((ours, *_FALLBACK))
