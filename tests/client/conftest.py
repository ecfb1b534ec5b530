from collections.abc import Iterator
from pathlib import Path

import pytest

from model_store.store import Store
from tests.service import toys


@pytest.fixture
def toy_store(tmp_path: Path) -> Store:
    return toys.make_store(tmp_path / "store")


@pytest.fixture(scope="package")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of the real service with the toy models."""
    store = toys.make_store(tmp_path_factory.mktemp("client") / "store")
    with toys.live("--store", str(store.root)) as service:
        yield service.url
