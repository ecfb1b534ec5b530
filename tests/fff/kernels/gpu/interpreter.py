"""
Triton's interpreter without the work that it repeats.

Each call of one kernel function by another patches all of `triton.language` again (3.7.1), which
changes nothing but took a quarter of the time. A launch patches it, and takes that back at its end.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

import triton.language as tl
from triton.runtime import interpreter


@cache
def _languages(function: Any) -> list[Any]:
    """Under which names a kernel function sees the language: what is patched for it."""
    return [lang for lang in (tl, tl.core) if any(v is lang for v in function.__globals__.values())]


@contextmanager
def patched_once_a_launch() -> Iterator[None]:
    """Let a call inside of a launch leave the language as the launch has patched it."""
    patch_language = interpreter._patch_lang

    def once(function: Any) -> Any:
        if all(getattr(lang, "static_print", None) is print for lang in _languages(function)):
            return interpreter._LangPatchScope()
        return patch_language(function)

    with patch.object(interpreter, "_patch_lang", once):
        yield
