"""How the CPU kernel's functions are compiled: ahead of any request, and cached on disk."""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import cfunc, njit

_HERE = Path(__file__).parent
# A cached function belongs to the source file it stands in; these inline code from others.
_SOURCES = sorted(_HERE.glob("*.py"))
_DIGEST = hashlib.sha256(b"".join(path.read_bytes() for path in _SOURCES)).hexdigest()[:12]

logger = logging.getLogger(__name__)


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
        function.__qualname__ = f"{function.__qualname__}_{_DIGEST}"
        try:
            return decorator(signature, cache=True, **options)(function)
        except (RuntimeError, OSError) as exc:
            # A function that does not compile fails again in the next line.
            logger.warning("%s is compiled but not cached: %s", function.__name__, exc)
            return decorator(signature, **options)(function)

    return compile_now
