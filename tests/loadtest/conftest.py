"""A real service for the tests that speak to one."""

from collections.abc import Iterator

import pytest

from loadtest.harness.service_process import ServiceProcess


@pytest.fixture(scope="module")
def service() -> Iterator[ServiceProcess]:
    """The demo models, three rows a request at most, so that a larger one is refused."""
    with ServiceProcess({"FFF_MAX_BATCH_ROWS": "3"}) as running:
        yield running
