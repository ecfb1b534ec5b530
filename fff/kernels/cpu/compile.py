"""How the CPU kernel's functions are compiled: ahead of any request, and cached on disk."""

import hashlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llvmlite import binding
from numba import cfunc, config, njit

from fff.kernels.cpu import prebuilt

_HERE = Path(__file__).parent
# A cached function belongs to the source file it stands in; these inline code from others.
_SOURCES = sorted(_HERE.glob("*.py"))
DIGEST = hashlib.sha256(b"".join(path.read_bytes() for path in _SOURCES)).hexdigest()[:12]

logger = logging.getLogger(__name__)
_took_s: list[float] = []
"""What each function took that no cache had."""

prebuilt.use(DIGEST)


def compiled(signature: Any, *, keeps_lock: bool = False) -> Callable[[Any], Any]:
    """
    Compile a function when its module is imported.

    Args:
        signature: Types of result and arguments, in Numba's terms; explicit, so that nothing is
            left to compile in a request.
        keeps_lock: Keep the interpreter lock during a call from Python. Short calls should:
            getting it back can take as long as another thread's turn (5 ms).
    """
    return _compiler(njit, signature, {"nogil": not keeps_lock})


def compiled_address(signature: Any) -> Callable[[Any], Any]:
    """Compile a function to call by `address`; see `simd_memory.call`."""
    return _compiler(cfunc, signature, {})


def inlined(function: Any) -> Any:
    """Let a function become part of its caller, so that it is optimised once."""
    return njit(inline="always", error_model="numpy")(function)


def _compiler(decorator: Any, signature: Any, options: dict[str, Any]) -> Callable[[Any], Any]:
    # Without fastmath: nothing may be reassociated. The numpy model divides by 0 without raising.
    options = options | {"error_model": "numpy"}

    def compile_now(function: Any) -> Any:
        # The name is part of the cache file's.
        function.__qualname__ = f"{function.__qualname__}_{DIGEST}"
        begun_s = time.perf_counter()
        try:
            code = decorator(signature, cache=True, **options)(function)
        except (RuntimeError, OSError) as exc:
            # A function that does not compile fails again in the next line.
            logger.warning("%s is compiled but not cached: %s", function.__name__, exc)
            code = decorator(signature, **options)(function)
        if not _was_cached(code):
            _note_compiled(time.perf_counter() - begun_s)
        return code

    return compile_now


def _was_cached(code: Any) -> bool:
    hits = code.stats.cache_hits.values() if hasattr(code, "stats") else [code.cache_hits]
    return any(hits)


def _note_compiled(took_s: float) -> None:
    if not _took_s:
        logger.info("compiling the kernel for this processor (%s): no cache has it", _processor())
    _took_s.append(took_s)


def _processor() -> str:
    return config.CPU_NAME or str(binding.get_host_cpu_name())


def report() -> None:
    """Log what compiling took; call when every module of the kernel is imported."""
    if _took_s:
        logger.info("compiled the kernel for %s in %.1f s", _processor(), sum(_took_s))
