"""
A Python function as samples: a field that is computed where it is asked.

Covered:      `MODULE:FUNCTION`, a function of as many arrays as it has inputs, each in [-1, 1];
              it gives one array of values, or a dictionary of several by name.
Not covered:  functions that are not in a module that Python finds, from the current folder on.
"""

import importlib
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.errors import DatasetError
from evaluation.rasters import targets_of
from evaluation.samples import Samples
from model_store.columns import NumberColumn

_NAME = r"[A-Za-z_][\w.]*:[A-Za-z_]\w*"


def is_function(name: str) -> bool:
    """Whether it could be a `MODULE:FUNCTION`."""
    return re.fullmatch(_NAME, name) is not None


def sample_function(name: str, rows: int, seed: int) -> Samples:
    """
    Call a function once, with rows drawn evenly from its inputs' box.

    Args:
        name: `MODULE:FUNCTION`; its parameters' names are those of the inputs.
        rows: `n`.
        seed: Of the rows.

    Raises:
        DatasetError: There is no such function, it fails, or does not give `[n]` finite numbers.
    """
    function = _find(name)
    inputs = [*inspect.signature(function).parameters]
    if not inputs:
        raise DatasetError(f"{name}: a function of at least one array was expected, it takes none")
    x = np.random.default_rng(seed).uniform(-1, 1, (rows, len(inputs))).astype(np.float32)
    try:
        given = function(*x.T.astype(np.float64))
    except Exception as exc:
        raise DatasetError(f"{name}: failed: {type(exc).__name__}: {exc}") from exc
    values = given if isinstance(given, dict) else {name.rpartition(":")[2]: given}
    columns = [_values(name, what, array, rows) for what, array in values.items()]
    y = np.stack(columns, 1).astype(np.float32)
    named = tuple(NumberColumn(name=each, low=-1.0, high=1.0) for each in inputs)
    return Samples(x, y, name, named, targets_of([*map(str, values)], y))


def _find(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    here = str(Path.cwd())
    sys.path.insert(0, here)  # as `python -m` does
    try:
        found = getattr(importlib.import_module(module), function, None)
    except ImportError as exc:
        raise DatasetError(f"{name}: a module {module!r} was expected: {exc}") from exc
    finally:
        sys.path.remove(here)
    if not callable(found):
        raise DatasetError(f"{name}: the module {module!r} has no function {function!r}")
    return found  # type: ignore[no-any-return]


def _values(name: str, what: str, array: Any, rows: int) -> "np.ndarray[Any, np.dtype[Any]]":
    values = np.asarray(array)
    if values.shape != (rows,) or values.dtype.kind not in "fiub":
        raise DatasetError(
            f"{name}: {what} must be [{rows}] numbers, got {list(values.shape)} {values.dtype}"
        )
    return values
