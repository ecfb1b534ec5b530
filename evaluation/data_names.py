"""
What a data set is called, and whether it is one of which accuracies were published.

Dozens of data sets are named after MNIST (KMNIST, PathMNIST, notMNIST, Sign-MNIST, MNIST-C): only
spellings that are told here are taken for it.
"""

from itertools import product
from pathlib import Path

_SPELLINGS = {
    "MNIST": ("mnist",),
    "FashionMNIST": ("fashionmnist", "fmnist", "fashion"),
}
_FORMS = ("", "784", "raw", "idx", "ubyte", "png", "images", "data", "dataset")
_KNOWN = {
    spelling + form: data
    for data, spellings in _SPELLINGS.items()
    for spelling, form in product(spellings, _FORMS)
}
_PARTS_OF_A_FOLDER = ("raw", "processed")
"""Folders that torchvision and others make within one that is called as the data are."""


def name_of_data(path: Path) -> str:
    """What a folder or file of images is called: its name, of `MNIST/raw` the folder's above."""
    whole = path.resolve()
    return whole.parent.name if whole.name.lower() in _PARTS_OF_A_FOLDER else whole.name


def data_set_named(name: str) -> str | None:
    """
    Tell a data set from what its folder or file is called.

    Returns:
        `MNIST` or `FashionMNIST`; None for all others.
    """
    letters = "".join(letter for letter in name.partition(".")[0].lower() if letter.isalnum())
    return _KNOWN.get(letters)
