import pytest

from model_store.store import Store
from tests.conftest import shared
from training.datasets import Dataset, load_idx_folder
from training.evaluate import evaluate
from training.pair import train_pair
from training.recipes import recipe_by_name


def first(data: Dataset, rows: int) -> Dataset:
    return Dataset(data.images[:rows], data.labels[:rows], data.name)


@pytest.mark.shared
def test_a_few_epochs_on_a_tenth_of_mnist_learn_it_and_use_the_tree(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    train, test = load_idx_folder(shared("data/mnist"))
    recipe = recipe_by_name("mnist").override({"epochs": 8, "hardening_ramp_epochs": 4})
    store = Store(tmp_path_factory.mktemp("store"))
    pair = train_pair(recipe, first(train, 6000), test, store, "m", 0, lambda epoch: None)
    found = evaluate(pair.fff, test.images, test.labels)

    assert found.hard_accuracy > 0.8
    assert evaluate(pair.dense, test.images, test.labels).hard_accuracy > 0.9
    assert found.leaves_used > 8
