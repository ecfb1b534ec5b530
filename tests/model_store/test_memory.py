"""A model is in memory once, however large: written, checked and laid out in chunks."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from bench.million.weights import strip_tree
from bench.networks import Shape
from fff.weights import weight_bytes
from tests.requirements import need

MB = 1 << 20
SHAPE = Shape(768, 768, 32, 10)  # 208 MB, of which the test process itself holds 6
ALLOWANCE_BYTES = 64 * MB
"""For chunks of 16 MB, their float64 form and the allocator; measured, 20 to 39 MB, 2026-11-24."""

MEASURED = """
import json, re, sys
from pathlib import Path
import torch
from bench.networks import Shape
from bench.million.weights import strip_tree
from fff.kernels.cpu.backend import NumbaGrouped
from model_store.store import Store

def bytes_of(field):
    return int(re.search(rf"{field}:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) << 10

def publish(root):
    weights = strip_tree(Shape(*shape), torch.Generator().manual_seed(0))
    reset()
    origin = {"how": "import", "format": "efff", "sha256": "1" * 64}
    Store(root).publish("wide", weights, origin=origin)

def load(root):
    reset()
    return NumbaGrouped(Store(root).load("wide").weights, torch.device("cpu"), storage="STORAGE")

def reset():
    global before, before_anonymous, before_files
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew, see proc(5)
    before, before_anonymous = bytes_of("VmRSS"), bytes_of("RssAnon")
    before_files = bytes_of("RssFile")

root, shape = Path(sys.argv[1]), json.loads(sys.argv[2])
kept = ACTION(root)
files = max(0, bytes_of("RssFile") - before_files)
print(json.dumps([bytes_of("VmHWM") - before - files, bytes_of("RssAnon") - before_anonymous]))
"""


def grown(root: Path, action: str, storage: str = "float32") -> tuple[int, int]:
    """
    Bytes that a process of its own grew by, at most and in the end.

    Without pages of files: code of the libraries, 5 MB, is read meanwhile, and far more where the
    system has taken back what lay unused.
    """
    need(Path("/proc/self/clear_refs").exists(), "Linux' /proc")
    shape = json.dumps([SHAPE.i, SHAPE.o, SHAPE.l, SHAPE.d])
    code = MEASURED.replace("ACTION", action).replace("STORAGE", storage)
    command = [sys.executable, "-c", code, str(root), shape]
    top = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=top, capture_output=True, text=True, check=True)
    most, last = json.loads(done.stdout)
    return most, last


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """A store with one wide model, and how much publishing it took at most."""
    root = tmp_path_factory.mktemp("store")
    yield root, grown(root, "publish")[0]
    (root / "wide" / "1" / "model.safetensors").unlink()  # pytest would keep 200 MB of three runs


def test_publishing_copies_no_more_than_a_chunk(published: tuple[Path, int]) -> None:
    _, most = published

    assert most <= ALLOWANCE_BYTES


@pytest.mark.parametrize(("storage", "share"), [("float32", 1.0), ("bfloat16", 0.52)])
def test_a_loaded_model_takes_its_own_memory_and_no_second_copy(
    published: tuple[Path, int], storage: str, share: float
) -> None:
    """At its peak as well: of the file no more than a chunk is in memory."""
    root, _ = published
    weights = weight_bytes(strip_tree(SHAPE, torch.Generator().manual_seed(0)))

    most, last = grown(root, "load", storage)

    assert last <= 1.1 * share * weights
    assert most <= 1.1 * share * weights + ALLOWANCE_BYTES
