"""Reports that are made quickly."""

from collections.abc import Iterator

import pytest

from evaluation import timing


@pytest.fixture(scope="module")
def few_rounds() -> Iterator[None]:
    """What is tested does not depend on how often it is timed."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(timing, "BUDGET_S", 0.0)
        yield
