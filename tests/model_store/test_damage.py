"""A damaged version is named with what is wrong, at once, and harms no other one."""

import os
import shutil
from pathlib import Path

import pytest

from model_store.errors import StoreError
from model_store.store import Store
from tests.model_store.damage import DAMAGES


def damaged(store: Store, kind: str) -> Path:
    """The folder of the one version, damaged."""
    folder = store.root / "toy" / "1"
    DAMAGES[kind][0](folder)
    return folder


@pytest.mark.parametrize("kind", DAMAGES)
def test_loading_says_what_is_wrong_and_not_where(kind: str, store: Store) -> None:
    damaged(store, kind)

    with pytest.raises(StoreError, match="^model 'toy' version 1: ") as caught:
        store.load("toy")

    assert DAMAGES[kind][1] in str(caught.value)
    assert str(store.root) not in str(caught.value)
    assert store.models() == ["toy"]


def test_a_model_whose_folder_leads_in_a_circle_is_listed_and_explained(store: Store) -> None:
    (store.root / "circle").symlink_to("circle")

    assert store.models() == ["circle", "toy"]
    with pytest.raises(StoreError, match="'circle': its folder cannot be listed: Too many levels"):
        store.load("circle")


def test_links_to_models_versions_and_files_are_followed(store: Store, tmp_path: Path) -> None:
    """As volumes of Kubernetes and caches of downloads lay them out."""
    truth = store.load("toy")
    linked, real = Store(tmp_path / "linked"), store.root / "toy" / "1"
    (linked.root / "by-file" / "1").mkdir(parents=True)
    for file in real.iterdir():
        (linked.root / "by-file" / "1" / file.name).symlink_to(file)
    (linked.root / "by-version").mkdir()
    (linked.root / "by-version" / "1").symlink_to(real)
    (linked.root / "by-model").symlink_to(store.root / "toy")

    assert linked.models() == ["by-file", "by-model", "by-version"]
    assert {linked.load(name).manifest.sha256 for name in linked.models()} == {
        truth.manifest.sha256
    }


def test_a_store_with_every_damage_lists_all_and_loads_the_others(store: Store) -> None:
    for kind in DAMAGES:
        shutil.copytree(store.root / "toy", store.root / kind)
        DAMAGES[kind][0](store.root / kind / "1")

    assert store.models() == sorted([*DAMAGES, "toy"])
    assert store.load("toy").version == 1


def test_a_million_wrong_counts_are_one_error(store: Store) -> None:
    path = store.root / "toy" / "1" / "manifest.json"
    counts = '"reference_leaf_rows":[[' + ",".join(["true"] * 10**6) + "]]"
    path.write_text(path.read_text().replace('"reference_leaf_rows": null', counts))

    with pytest.raises(StoreError) as caught:
        store.load("toy")

    assert len(str(caught.value)) < 1000


def test_a_file_that_may_not_be_read_is_told_from_one_that_is_not_there(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by its permissions: the superuser may read all."""

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied", str(store.root))

    monkeypatch.setattr(os, "open", refuse)

    with pytest.raises(StoreError, match=r"manifest.json cannot be opened: Permission denied\b"):
        store.load("toy")
