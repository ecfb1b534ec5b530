"""A store on a model hub is the local one it was copied from; its token is shown to nobody."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from model_store.errors import (
    ChecksumMismatch,
    ModelNotFound,
    StoreMissing,
    StoreUnreachable,
)
from model_store.opening import named_store
from model_store.remote import file_systems
from model_store.store import Store
from tests.model_store.remote import hub as stub
from tests.model_store.remote.test_store import logits
from tests.service import toys

URL = f"hf://{stub.REPOSITORY}/models"


@pytest.fixture
def local(tmp_path: Path) -> Store:
    store = toys.make_store(tmp_path / "local")
    toys.publish_another(store)
    return store


@pytest.fixture
def hub(local: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[stub.Hub]:
    with stub.serving(local.root) as hub:
        stub.use(hub, tmp_path / "cache", monkeypatch)
        yield hub


@pytest.mark.parametrize("revision", ["", "@refs%2Fpr%2F1"])
def test_a_store_on_a_hub_is_the_local_one_at_a_revision_too(
    revision: str, hub: stub.Hub, local: Store
) -> None:
    remote = named_store(f"hf://{stub.REPOSITORY}{revision}/models")

    assert remote.contents() == local.contents()
    for name, versions in local.contents().items():
        for version in versions:
            ours, theirs = remote.load(name, version), local.load(name, version)
            assert remote.manifest(name, version) == ours.manifest == theirs.manifest
            assert remote.file_bytes(name, version) == local.file_bytes(name, version)
            assert remote.stamp(name, version) == ours.stamp
            remote.check(name, version, theirs.manifest)
            assert np.array_equal(logits(ours), logits(theirs))
    assert Store(remote.root).contents() == local.contents()


def test_weights_are_fetched_once_and_anew_when_they_are_replaced(
    hub: stub.Hub, local: Store
) -> None:
    first = named_store(URL).load("toy", 2)
    served = hub.served
    again = named_store(URL).load("toy", 2)
    manifest = (local.folder("toy", 2) / "manifest.json").stat().st_size

    assert again.stamp == first.stamp
    assert hub.served == served + manifest
    for file in local.folder("toy", 1).iterdir():
        (local.folder("toy", 2) / file.name).write_bytes(file.read_bytes())
    replaced = named_store(URL).load("toy", 2)
    assert replaced.stamp != first.stamp
    assert np.array_equal(logits(replaced), logits(local.load("toy", 1)))


def test_a_damaged_file_is_refused_by_name_and_not_kept(hub: stub.Hub, local: Store) -> None:
    weights = local.folder("toy", 2) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    remote = named_store(URL)

    with pytest.raises(ChecksumMismatch, match="the object toy/2/model.safetensors has"):
        remote.load("toy")
    assert not list(remote.root.rglob("model.safetensors"))
    assert remote.load("toy", 1).version == 1


@pytest.mark.parametrize("place", ["org/repo@v2/models", "org/other/models", "org/repo/nothing"])
def test_a_revision_repository_or_folder_that_is_not_there_is_named(
    place: str, hub: stub.Hub
) -> None:
    absent = named_store(f"hf://{place}")
    for ask in (absent.models, absent.contents, lambda: absent.load("toy")):
        with pytest.raises(StoreMissing, match=f"the store hf://{place} is not there, or cannot"):
            ask()
    with pytest.raises(ModelNotFound, match="has versions"):
        named_store(URL).load("toy", 9)


def test_a_wrong_token_is_refused_and_no_token_is_ever_written(
    hub: stub.Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    named_store(URL).load("toy")
    monkeypatch.setenv("HF_TOKEN", "hf_another")
    with pytest.raises((StoreMissing, StoreUnreachable)) as caught:
        named_store(URL).models()

    told = str(caught.value) + "\n".join(
        r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING
    )
    ours = "\n".join(r.getMessage() for r in caplog.records if r.name.startswith("model_store"))
    assert "hf://org/repo/models" in str(caught.value)
    for secret in (stub.TOKEN, stub.SIGNATURE, "hf_another"):
        assert secret not in told + ours


@pytest.mark.parametrize("hangs", ["/api/models/org/repo$", "/tree/", "/resolve/", "/cdn/"])
def test_a_hub_that_hangs_anywhere_is_given_up_in_one_line(
    hangs: str, hub: stub.Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_systems, "READ_S", 0.05)
    monkeypatch.setattr(file_systems, "QUESTION_S", 0.2)
    hub.hangs = hangs

    with pytest.raises(StoreUnreachable) as caught:
        named_store(URL).load("toy")
    assert str(caught.value).startswith(f"the store {URL} does not answer: ")
    assert "\n" not in str(caught.value)
