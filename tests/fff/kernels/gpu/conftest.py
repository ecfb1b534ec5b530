"""Leaves out, in an ordinary run, what `test_kernels.py` runs in processes of their own."""

from collections.abc import Iterator

import pytest

from tests.fff.kernels.gpu.device import EITHER, INTERPRETED

_LAWS = ("cases", "groups", "resident", "beta")
collect_ignore = [] if EITHER else [f"test_{law}.py" for law in _LAWS]


@pytest.fixture(scope="session", autouse=INTERPRETED)
def interpreter() -> Iterator[None]:
    """The interpreter, quicker."""
    from tests.fff.kernels.gpu.interpreter import patched_once_a_launch

    with patched_once_a_launch():
        yield
