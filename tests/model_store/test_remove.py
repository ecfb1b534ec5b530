"""Removing takes a version or a model whole, and what depends on a baseline is seen before."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from model_store.dependants import require_no_dependants
from model_store.errors import BaselineInUse, ModelNotFound, StoreError, StoreNotWritable
from model_store.store import Store
from model_store.version_files import MANIFEST_FILE
from tests.fff.networks import dense, tree
from tests.model_store.conftest import ORIGIN

CRASHING_REMOVER = """
import os, shutil, sys
from pathlib import Path
from model_store.store import Store
shutil.rmtree = lambda *args, **kwargs: os._exit(9)
Store(Path(sys.argv[1])).remove("toy")
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """`toy` with versions 1 and 2, whose baseline is `twin`."""
    store = Store(tmp_path)
    store.publish("twin", dense(6, 7, 4), origin=ORIGIN)
    for leaf_width in (3, 4):
        store.publish("toy", tree(6, 2, leaf_width, 4), origin=ORIGIN, baseline="twin")
    return store


def test_a_model_goes_with_all_of_its_versions_and_no_other(store: Store) -> None:
    assert store.remove("toy") == [1, 2]

    assert store.models() == ["twin"]
    assert [path.name for path in store.root.iterdir()] == ["twin"]
    with pytest.raises(ModelNotFound, match="'toy' is not in the store"):
        store.remove("toy")


def test_a_version_goes_alone_and_the_model_with_its_last(store: Store) -> None:
    assert store.remove("toy", 2) == [2]
    assert store.versions("toy") == [1]

    store.remove("toy", 1)

    assert [path.name for path in store.root.iterdir()] == ["twin"]


def test_what_is_not_there_is_named_and_nothing_removed(store: Store) -> None:
    with pytest.raises(ModelNotFound, match=r"has versions \[1, 2\], not 3"):
        store.remove("toy", 3)
    for name in ("../toy", ".", "", "other"):
        with pytest.raises(ModelNotFound):
            store.remove(name)
    assert store.versions("toy") == [1, 2]


def test_a_crash_midway_hides_the_model_and_the_next_removal_ends_it(store: Store) -> None:
    command = [sys.executable, "-c", CRASHING_REMOVER, str(store.root)]
    root = Path(__file__).parents[2]
    assert subprocess.run(command, cwd=root, check=False).returncode == 9

    assert store.models() == ["twin"]
    assert len([*store.root.iterdir()]) == 2
    store.remove("twin")
    assert [*store.root.iterdir()] == []


def test_a_reader_that_comes_in_between_learns_that_it_has_gone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not that a file is missing, as if the version were damaged."""
    versions = store.versions("toy")
    monkeypatch.setattr(store, "versions", lambda name: versions)
    Store(store.root).remove("toy")

    for read in (store.manifest, store.load, lambda name: store.file_bytes(name, 2)):
        with pytest.raises(ModelNotFound, match="'toy' version 2 has been removed"):
            read("toy")


def test_of_a_link_to_a_model_the_link_is_removed(store: Store, tmp_path: Path) -> None:
    elsewhere = Store(tmp_path / "elsewhere")
    shutil.copytree(store.root / "twin", elsewhere.root / "twin")
    (store.root / "linked").symlink_to(elsewhere.root / "twin")

    store.remove("linked")

    assert not os.path.lexists(store.root / "linked")
    assert elsewhere.load("twin").version == 1


def test_what_is_damaged_can_be_removed(store: Store) -> None:
    (store.folder("toy", 2) / MANIFEST_FILE).unlink()
    (store.root / "nowhere").symlink_to("elsewhere")

    assert store.remove("toy", 2) == [2]
    assert store.remove("nowhere") == []
    assert store.models() == ["toy", "twin"]


def test_a_disk_that_fails_is_said(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "rename", failing)

    with pytest.raises(StoreNotWritable, match="toy cannot be removed: .*Read-only"):
        store.remove("toy")
    assert store.versions("toy") == [1, 2]


def test_a_baseline_is_needed_until_the_models_that_name_it_have_gone(store: Store) -> None:
    with pytest.raises(BaselineInUse, match="'twin' is the baseline of toy"):
        require_no_dependants(store, "twin")
    with pytest.raises(BaselineInUse):
        require_no_dependants(store, "twin", 1)
    require_no_dependants(store, "toy")

    store.publish("twin", dense(6, 8, 4), origin=ORIGIN)
    require_no_dependants(store, "twin", 1)  # version 2 stays
    store.remove("toy")
    require_no_dependants(store, "twin")


def test_what_is_damaged_needs_no_baseline(store: Store) -> None:
    for version in (1, 2):
        (store.folder("toy", version) / MANIFEST_FILE).write_text("{}")

    with pytest.raises(StoreError):
        store.manifest("toy")
    require_no_dependants(store, "twin")
