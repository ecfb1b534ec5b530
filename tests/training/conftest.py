"""A trained toy pair and the demo, each loaded once."""

import pytest

from evaluation.datasets import Dataset, digits
from model_store.store import DEMO_STORE, Store
from tests.training.toys import TOY, ToyPair, quarters
from training.epoch import Epoch
from training.models import train_models

TRAIN, TEST = quarters(400, seed=1), quarters(100, seed=2)


@pytest.fixture(scope="session")
def toy_pair(tmp_path_factory: pytest.TempPathFactory) -> ToyPair:
    store = Store(tmp_path_factory.mktemp("store"))
    epochs: list[Epoch] = []
    fff, dense = train_models(TOY, TRAIN, TEST, store, "toy", 3, epochs.append)
    return ToyPair(fff, dense, store, epochs)


@pytest.fixture(scope="session")
def demo() -> Store:
    return Store(DEMO_STORE)


@pytest.fixture(scope="session")
def digits_data() -> tuple[Dataset, Dataset]:
    return digits()
