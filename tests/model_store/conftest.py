"""A store with one model, and an origin for models that were not trained."""

from pathlib import Path

import pytest

from model_store.manifest import ImportOrigin
from model_store.store import Store
from tests.fff.networks import tree

ORIGIN = ImportOrigin(format="efff", sha256="1" * 64)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """One model, `toy`, with one version."""
    store = Store(tmp_path / "store")
    store.publish("toy", tree(6, 2, 3, 4, m=5), origin=ORIGIN)
    return store
