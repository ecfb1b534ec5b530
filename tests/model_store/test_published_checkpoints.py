"""
The authors' own trained networks, imported, reach the accuracies they published.

The last part of a file's name is the hard test accuracy, cut off after the digits it has. Soft
accuracy and leaves in use: measured apart from this code when the files were first read.
"""

from decimal import ROUND_DOWN, Decimal
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from fff.layers import FFF
from model_store.importers import import_checkpoint
from model_store.manifest import Uint8Scaling
from networks.backends import build_backend

pytestmark = pytest.mark.shared

Images = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]

SCALING = Uint8Scaling(scale=2 / 255, shift=-1.0)  # (pixel / 255 - 0.5) / 0.5
PUBLISHED = [  # file; hard and soft correct of 10,000; leaves used; share of the tree
    ("MNIST_l1_d4-0.89", 8904, 9106, 16, 1.0),
    ("MNIST_l4_d2-0.9139", 9139, 9294, 4, 1.0),
    ("MNIST_l8_d1-0.9346", 9346, 9364, 2, 1.0),
    ("model_l1_d7_a1_h1_master0-91.6", 9165, 9510, 76, 0.665),
    ("model_l4_d5_a1_h1_master1-95.0", 9504, 9546, 31, 0.628),
    ("model_l8_d4_a1_h1_master3-95.1", 9510, 9540, 14, 0.770),
]


@pytest.mark.parametrize(("file", "hard", "soft", "leaves", "mix"), PUBLISHED)
def test_a_published_network_reaches_its_published_accuracy(
    file: str,
    hard: int,
    soft: int,
    leaves: int,
    mix: float,
    efff_checkpoints: dict[str, Path],
    mnist_test: Images,
) -> None:
    pixels, labels = mnist_test
    x, classes = torch.from_numpy(SCALING.decode(pixels)), torch.from_numpy(labels).long()
    weights = import_checkpoint(efff_checkpoints[file]).weights

    answer = build_backend(weights, torch.device("cpu")).infer(x)
    mixed = FFF.from_weights(weights).soft(x).logits

    assert int((answer.logits.argmax(1) == classes).sum()) == hard
    assert int((mixed.argmax(1) == classes).sum()) == soft
    assert len(answer.leaf.unique()) == leaves
    assert weights.mix == pytest.approx(mix, abs=5e-4)


@pytest.mark.parametrize(("file", "hard"), [row[:2] for row in PUBLISHED])
def test_the_measured_accuracy_begins_with_the_digits_in_the_name(file: str, hard: int) -> None:
    named = Decimal(file.rpartition("-")[2])

    measured = Decimal(hard) / (100 if named > 1 else 10_000)

    assert measured.quantize(named, ROUND_DOWN) == named


def test_every_published_file_is_measured(efff_checkpoints: dict[str, Path]) -> None:
    assert set(efff_checkpoints) == {row[0] for row in PUBLISHED}
