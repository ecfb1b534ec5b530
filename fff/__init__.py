"""
Fast Feedforward networks: what they compute, how to train them, and which code runs them fast.

The lowest package: needs torch alone; knows no files, no environment and no HTTP. The layers are
here by name, `from fff import FFF, FFFBeta`; torch is imported when one is asked for, not before.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fff.beta import FFFBeta as FFFBeta
    from fff.layers import FFF as FFF

_HOMES = {"FFF": "fff.layers", "FFFBeta": "fff.beta"}

__all__ = ["FFF", "FFFBeta"]


def __getattr__(name: str) -> Any:
    """Import a layer when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
