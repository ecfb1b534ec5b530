"""The networks that the tests of training train, and images in folders."""

from pathlib import Path

import pytest

from tests.evaluation.image_files import GREY, LABELS, write_class_folders
from tests.training.conftest import demo, digits_data, toy_pair

__all__ = ["demo", "digits_data", "toy_pair"]


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """Train and test, 30 grey images each."""
    for part in ("train", "test"):
        write_class_folders(tmp_path / part, GREY, LABELS)
    return tmp_path
