"""
The published networks on every backend: the published accuracy to the last digit, the same leaves.

What the files hold, and where the figures come from: `tests.model_store`.
"""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor

from fff import reference
from fff.backends import Backend
from fff.kernels.cpu.backend import NumbaGrouped
from fff.weights import FFFWeights
from model_store.importers import import_checkpoint
from networks.backends import build_backend
from tests.fff.kernels.gpu.test_kernels import need_triton
from tests.model_store.test_published_checkpoints import PUBLISHED, SCALING, Images

pytestmark = pytest.mark.shared

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
BACKENDS = {
    "torch": lambda w: build_backend(w, CPU, "torch"),
    "numba": lambda w: build_backend(w, CPU, "numba", threads=2),
    "numba-bfloat16": lambda w: NumbaGrouped(w, CPU, storage="bfloat16"),
    "torch-cuda": lambda w: build_backend(w, torch.device("cuda"), "torch"),
    "triton-cuda": lambda w: build_backend(w, torch.device("cuda"), "triton"),
}
NAMES = [pytest.param(name, marks=[CUDA] if "cuda" in name else []) for name in BACKENDS]
INTERPRETED = (
    "import sys; from tests.fff.test_published_checkpoints_backends import infer_by_triton;"
    "infer_by_triton(*sys.argv[1:])"
)
HARD_CORRECT = [pytest.param(file, hard, leaves, id=file) for file, hard, _, leaves, _ in PUBLISHED]


@cache
def imported(path: Path) -> FFFWeights:
    return import_checkpoint(path).weights


@pytest.fixture(scope="module")
def images(mnist_test: Images) -> tuple[Tensor, Tensor]:
    """All 10,000 as the networks were trained on them, and their classes."""
    pixels, labels = mnist_test
    return torch.from_numpy(SCALING.decode(pixels)), torch.from_numpy(labels).long()


@pytest.mark.parametrize(("file", "correct", "leaves"), HARD_CORRECT)
@pytest.mark.parametrize("name", NAMES)
def test_a_backend_reaches_the_published_accuracy_on_the_references_leaves(
    name: str,
    file: str,
    correct: int,
    leaves: int,
    images: tuple[Tensor, Tensor],
    efff_checkpoints: dict[str, Path],
) -> None:
    (x, classes), w = images, imported(efff_checkpoints[file])
    backend: Backend = BACKENDS[name](w)

    answer = backend.infer(x)

    moved = int((answer.logits.argmax(1) == classes).sum()) - correct
    assert abs(moved) <= (5 if name == "numba-bfloat16" else 0)  # rounded weights: 4 were measured
    assert len(answer.leaf.unique()) == leaves
    assert torch.equal(answer.leaf[:, 0].long(), route(x, efff_checkpoints[file]))


@cache
def route(x: Tensor, path: Path) -> Tensor:
    return reference.route(x, imported(path))[0]


def infer_by_triton(folder: str, images: str, output: str) -> None:
    """Run in a process of its own, whose Triton interprets."""
    from fff.kernels.gpu.backend import TritonGrouped
    from tests.fff.kernels.gpu.interpreter import patched_once_a_launch

    x, answers = torch.load(images), {}
    with patched_once_a_launch():
        for file, *_ in PUBLISHED:
            answer = TritonGrouped(imported(Path(folder) / file), CPU, "float32").infer(x)
            answers[file] = (answer.leaf, answer.logits)
    torch.save(answers, output)


def test_triton_takes_the_same_leaves_and_classes_in_its_interpreter(
    images: tuple[Tensor, Tensor], efff_checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    """Of the first images only: it takes 10 to 100 ms each."""
    need_triton()
    x = images[0][:24].clone()
    torch.save(x, tmp_path / "images")
    folder = next(iter(efff_checkpoints.values())).parent

    done = subprocess.run(
        [sys.executable, "-c", INTERPRETED, folder, tmp_path / "images", tmp_path / "answers"],
        env={**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    for file, (leaf, logits) in torch.load(tmp_path / "answers").items():
        plain = reference.infer(x, imported(efff_checkpoints[file]))
        assert torch.equal(leaf, plain.leaf), file
        assert torch.equal(logits.argmax(1), plain.logits.argmax(1)), file
