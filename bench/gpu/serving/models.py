"""
The models that are served, the requests for them, and what must be answered.

Covered:      the demo pair, a layer of MNIST's size with its dense twin, a wide layer; versions of
              each; the published checkpoints with MNIST's test images.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.http.bodies import Body, binary_body
from bench.http.model import MODEL, SHAPE, publish, random_weights
from bench.networks import Shape, random_dense, random_tree
from evaluation.idx import read_idx
from fff.inference_result import InferenceResult
from fff.weights import FFFWeights
from model_store.importers import import_checkpoint
from model_store.manifest import Uint8Scaling
from model_store.store import DEMO_STORE, Store
from networks.backends import build_backend

WIDE, WIDE_SHAPE = "wide", Shape(768, 768, 32, 8)  # 50 MB
HUGE, HUGE_SHAPE = "huge", Shape(768, 768, 32, 10)  # 200 MB, and no kernel that WIDE has not
DENSE = f"{MODEL}-dense"
ROWS, BODIES = 64, 16
SCALING = Uint8Scaling(scale=2 / 255, shift=-1.0)
_TWIN_WIDTH = 128  # hidden neurons: of all 16 leaves of 8
_SEED = 0


@dataclass(frozen=True, slots=True)
class Published:
    """
    A checkpoint that its authors published.

    Attributes:
        name: In the store; it ends in the hard accuracy, cut off after the digits it has.
        leaf: That the reference takes for each test image, `[n]`.
        logits: `[n, o]`.
    """

    name: str
    leaf: Tensor
    logits: Tensor


def make_demo_store(folder: Path) -> Path:
    """Copy the demo pair; returns the store."""
    shutil.copytree(DEMO_STORE, folder)
    return folder


def make_store(folder: Path) -> Path:
    """Publish all but `HUGE` and the published checkpoints; returns the store."""
    make_demo_store(folder)
    twin = random_dense(SHAPE, _TWIN_WIDTH, _generator(1))
    publish(folder, weights_of(MODEL, 1), twin)
    publish(folder, weights_of(WIDE, 1), name=WIDE)
    return folder


def publish_version(store: Path, name: str, version: int) -> None:
    """Add a version of one of our models."""
    publish(store, weights_of(name, version), name=name)


def weights_of(name: str, version: int) -> FFFWeights:
    """Draw the weights of a version of `MODEL`, `WIDE` or `HUGE`: others for each."""
    if name == MODEL:
        return random_weights(_generator(version))
    return random_tree({WIDE: WIDE_SHAPE, HUGE: HUGE_SHAPE}[name], _generator(version))


def rows_for(name: str) -> tuple[Tensor, ...]:
    """Draw what a model is asked, `BODIES` times `[64, i]`."""
    width = SHAPE.i if name in (MODEL, DENSE) else WIDE_SHAPE.i
    return torch.split(torch.randn(BODIES * ROWS, width, generator=_generator(2)), ROWS)


def bodies_for(name: str) -> list[Body]:
    """Write requests whose answers nobody looks at."""
    return [binary_body(x) for x in rows_for(name)]


def bodies_by_version(name: str, versions: Sequence[int]) -> dict[str, list[Body]]:
    """Write the same requests for each version, with the logits that it owes."""
    rows = rows_for(name)
    return {str(v): _with_truth(rows, weights_of(name, v)) for v in versions}


def _with_truth(rows: Sequence[Tensor], weights: FFFWeights) -> list[Body]:
    return [binary_body(x, infer_on_cpu(x, weights).logits) for x in rows]


def infer_on_cpu(x: Tensor, weights: FFFWeights) -> InferenceResult:
    """Compute by the portable backend: the reference's leaf for every row, in less time."""
    return build_backend(weights, torch.device("cpu"), "torch").infer(x)


def find_shared() -> Path | None:
    """The folder of checkpoints and data, in the checkout or beside it."""
    root = Path(__file__).parents[3]
    folders = [root / "shared", root.parent / "shared", root.parents[1] / "shared"]
    return next((f for f in folders if (f / "checkpoints/efff").is_dir()), None)


def publish_checkpoints(shared: Path, store: Path, images: int) -> list[Published]:
    """
    Import every published checkpoint, and compute the test images on the CPU.

    Args:
        shared: As `find_shared` says.
        store: Gets a model a checkpoint.
        images: The first ones; 10,000 are all.
    """
    x = torch.from_numpy(SCALING.decode(test_pixels(shared, images)))
    checkpoints = []
    for path in sorted((shared / "checkpoints/efff").iterdir()):
        weights = import_checkpoint(path).weights
        assert isinstance(weights, FFFWeights)
        origin = {"how": "import", "format": "efff", "sha256": "0" * 64}
        Store(store).publish(path.name, weights, origin=origin, uint8=SCALING.model_dump())
        result = infer_on_cpu(x, weights)
        checkpoints.append(Published(path.name, result.leaf[:, 0], result.logits))
    return checkpoints


def test_pixels(shared: Path, images: int) -> npt.NDArray[np.uint8]:
    """MNIST's first test images, `[n, 784]`."""
    pixels = read_idx(shared / "data/mnist/t10k-images-idx3-ubyte.gz")[:images]
    return pixels.reshape(len(pixels), -1)


def test_labels(shared: Path, images: int) -> npt.NDArray[np.uint8]:
    """Their classes, `[n]`."""
    return read_idx(shared / "data/mnist/t10k-labels-idx1-ubyte.gz")[:images]


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(_SEED + seed)
