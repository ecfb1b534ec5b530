"""What a test needs beyond Python: missing, it skips with a reason, but in CI it fails."""

import os

import pytest


def need(found: object, what: str) -> None:
    """Go on only if `found`; with `TEST_REQUIRE_ALL=1`, which `.ci/run` sets, absence fails."""
    if found:
        return
    if os.environ.get("TEST_REQUIRE_ALL") == "1":
        pytest.fail(f"missing: {what}")
    pytest.skip(f"missing: {what}")
