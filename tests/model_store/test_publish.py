"""Publishing is all or nothing: under crashes, full disks and competing publishers."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from fff.weights import FeedForwardWeights
from model_store.errors import ManifestInvalid, StoreNotWritable, WeightsInvalid
from model_store.store import Store
from tests.fff.networks import dense
from tests.model_store.conftest import ORIGIN

# Dies without any clean-up, as by power failure, when the given call is reached.
CRASHING_PUBLISHER = """
import os, sys
from pathlib import Path
from model_store.store import Store
from tests.fff.networks import dense
call, folder = sys.argv[1:]
setattr(os, call, lambda *args, **kwargs: os._exit(9))
origin = {"how": "import", "format": "efff", "sha256": "1" * 64}
Store(Path(folder)).publish("toy", dense(6, 8, 4), origin=origin)
"""


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_crash_midway_leaves_nothing_visible(call: str, tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.publish("toy", dense(6, 7, 4), origin=ORIGIN)

    command = [sys.executable, "-c", CRASHING_PUBLISHER, call, str(tmp_path)]
    root = Path(__file__).parents[2]
    assert subprocess.run(command, cwd=root, check=False).returncode == 9

    assert store.versions("toy") == [1]
    assert store.models() == ["toy"]
    assert store.publish("toy", dense(6, 8, 4), origin=ORIGIN).version == 2
    assert store.load("toy").version == 2


def test_a_disk_that_fails_leaves_nothing_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreNotWritable, match="cannot be written: .*No space left"):
        Store(tmp_path).publish("toy", dense(6, 7, 4), origin=ORIGIN)

    assert list((tmp_path / "toy").iterdir()) == []
    assert Store(tmp_path).models() == []


def test_a_store_that_cannot_be_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StoreNotWritable, match="file cannot be written: .*Not a directory"):
        Store(tmp_path / "file").publish("toy", dense(6, 7, 4), origin=ORIGIN)


def test_what_becomes_visible_was_flushed_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power failure right after the rename finds both files on the disk."""
    version, fsync = tmp_path / "toy" / "1", os.fsync
    flushed: list[tuple[int, bool]] = []

    def record(descriptor: int) -> None:
        flushed.append((os.fstat(descriptor).st_ino, version.exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    Store(tmp_path).publish("toy", dense(6, 7, 4), origin=ORIGIN)

    hidden = [version / "model.safetensors", version / "manifest.json", version]
    expected = [(path.stat().st_ino, False) for path in hidden]
    assert flushed == [*expected, (version.parent.stat().st_ino, True)]


def test_both_files_can_be_read_by_the_same_users(tmp_path: Path) -> None:
    """The umask decides, also for the weights: a container may run as another user."""
    Store(tmp_path).publish("toy", dense(6, 7, 4), origin=ORIGIN)

    weights, manifest = (tmp_path / "toy" / "1").glob("m*")

    assert weights.stat().st_mode == manifest.stat().st_mode


def test_publishers_at_the_same_time_get_versions_of_their_own(tmp_path: Path) -> None:
    store, networks = Store(tmp_path), [dense(6, width, 4) for width in range(1, 25)]

    def publish(weights: FeedForwardWeights) -> tuple[int, int]:
        return store.publish("toy", weights, origin=ORIGIN).version, weights.hidden_width

    with ThreadPoolExecutor(8) as pool:
        published = list(pool.map(publish, networks))

    assert sorted(version for version, _ in published) == list(range(1, 25))
    for version, width in published:
        assert store.load("toy", version).weights.tensors()["b1"].shape == (width,)


def test_tensors_that_loading_would_refuse_are_not_published(tmp_path: Path) -> None:
    infinite = dense(6, 7, 4)
    half = FeedForwardWeights.from_tensors(
        {name: t.half() for name, t in infinite.tensors().items()}, "relu"
    )
    infinite.w1[0, 0] = torch.inf

    for weights, message in ((infinite, "w1 must be finite"), (half, "w1 must be float32")):
        with pytest.raises(WeightsInvalid, match=f"'toy': {message}"):
            Store(tmp_path).publish("toy", weights, origin=ORIGIN)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "origin: Field required"),
        ({"origin": ORIGIN, "colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"origin": ORIGIN, "baseline": "../dense"}, "baseline: String should match pattern"),
    ],
)
def test_a_manifest_that_loading_would_refuse_is_not_published(
    fields: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ManifestInvalid, match=message):
        Store(tmp_path).publish("toy", dense(6, 7, 4), **fields)

    assert Store(tmp_path).models() == []
