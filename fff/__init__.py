"""
Fast Feedforward networks: what they compute, how to train them, and which code runs them fast.

The lowest package: needs torch alone; knows no files, no environment and no HTTP. The layer itself
is here by name, `from fff import FFF`; torch is imported when it is asked for, and not before.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fff.layers import FFF as FFF

_HOMES = {"FFF": "fff.layers"}

__all__ = ["FFF"]


def __getattr__(name: str) -> Any:
    """Import a layer when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
