"""Which data are MNIST, by what their folder is called, and which are only named after it."""

from pathlib import Path

import pytest

from evaluation.data_names import data_set_named, name_of_data


@pytest.mark.parametrize(
    "name", ["mnist", "MNIST", "MNIST-raw", "mnist.npz", "mnist_784", "mnist-png", "mnist.pkl.gz"]
)
def test_mnist_is_known_in_its_usual_spellings(name: str) -> None:
    assert data_set_named(name) == "MNIST"


@pytest.mark.parametrize(
    "name",
    ["fashion-mnist", "FashionMNIST", "fashion_mnist.npz", "Fashion MNIST", "fmnist", "fashion"],
)
def test_fashion_mnist_is_known_in_its_usual_spellings(name: str) -> None:
    assert data_set_named(name) == "FashionMNIST"


@pytest.mark.parametrize(
    "name",
    [
        *("pathmnist", "bloodmnist", "pneumoniamnist", "retinamnist", "dermamnist_224", "medmnist"),
        *("notMNIST", "sign-mnist", "mnist-c", "kmnist", "emnist", "EMNIST-letters", "qmnist"),
        *("mnist-1d", "colored-mnist", "rotated_mnist", "digits", "deepfashion", "", "images"),
    ],
)
def test_what_is_named_after_mnist_is_another_data_set(name: str) -> None:
    assert data_set_named(name) is None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("data/mnist", "mnist"),
        ("data/MNIST/raw", "MNIST"),
        ("data/FashionMNIST/raw/", "FashionMNIST"),
        ("data/mnist.npz", "mnist.npz"),
    ],
)
def test_a_folder_called_raw_has_the_name_of_the_one_above(
    tmp_path: Path, path: str, name: str
) -> None:
    assert name_of_data(tmp_path / path) == name
