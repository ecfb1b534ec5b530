"""
What tests share: the material in `../shared`, a data folder that is not the user's, and how
property tests look for examples.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import settings

from evaluation.idx import read_idx
from tests.requirements import need

SHARED = Path(__file__).resolve().parents[1] / ".." / "shared"

# Derandomized: a test fails when the code changed, not when the dice did. No deadline: the
# first example pays for torch's own warm-up.
settings.register_profile("house", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("house")


@pytest.fixture(scope="session", autouse=True)
def data_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A user's folders that are not the real ones, for commands that name none."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("data")
        patch.setenv("XDG_DATA_HOME", str(folder))
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield folder


def shared(folder: str) -> Path:
    """A folder of `../shared`."""
    path = SHARED / folder
    need(path.is_dir(), f"../shared/{folder} beside the checkout")
    return path


@pytest.fixture(scope="session")
def mnist_test() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """MNIST's test images, `[10000, 784]`, and their classes, `[10000]`."""
    folder = shared("data/mnist")
    images = read_idx(folder / "t10k-images-idx3-ubyte.gz")
    return images.reshape(len(images), -1), read_idx(folder / "t10k-labels-idx1-ubyte.gz")


@pytest.fixture(scope="session")
def efff_checkpoints() -> dict[str, Path]:
    """The published eFFF checkpoints by file name."""
    return {path.name: path for path in sorted(shared("checkpoints/efff").iterdir())}
