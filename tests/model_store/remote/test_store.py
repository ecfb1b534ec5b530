"""A store on S3 is the local one it was copied from, and what is damaged there is named."""

import socket

import numpy as np
import pytest
import torch

from model_store.errors import (
    CacheUnusable,
    ChecksumMismatch,
    ManifestInvalid,
    ModelNotFound,
    StoreMissing,
    StoreNotWritable,
    StoreUnreachable,
    WeightsInvalid,
)
from model_store.opening import named_store
from model_store.remote.objects import Objects
from model_store.store import Store
from networks.backends import build_backend
from tests.model_store.remote import s3
from tests.service import toys


@pytest.fixture
def local(tmp_path):
    store = toys.make_store(tmp_path / "local")
    toys.publish_another(store)
    return store


@pytest.fixture
def url(server, local, tmp_path, monkeypatch, request):
    s3.use(server, tmp_path / "cache", monkeypatch)
    return server.upload(local.root, f"for/{abs(hash(request.node.name))}")


def key(url: str, path: str) -> str:
    return f"{url.removeprefix(f's3://{s3.BUCKET}/')}/{path}"


def logits(checkpoint) -> np.ndarray:
    rows = torch.randn(9, toys.WIDTH, generator=torch.Generator().manual_seed(1))
    backend = build_backend(checkpoint.weights, torch.device("cpu"), "torch", 1, "float32")
    return backend.infer(rows).logits.numpy()


def test_a_remote_store_is_the_local_one_it_was_copied_from(url, local):
    remote = named_store(url)

    assert remote.models() == local.models()
    assert remote.contents() == local.contents()
    for name, versions in local.contents().items():
        assert remote.versions(name) == versions
        assert remote.load(name).version == versions[-1]
        for version in versions:
            ours, theirs = remote.load(name, version), local.load(name, version)
            assert remote.manifest(name, version) == ours.manifest == theirs.manifest
            assert remote.file_bytes(name, version) == local.file_bytes(name, version)
            assert ours.largest == theirs.largest
            assert np.array_equal(logits(ours), logits(theirs))
            remote.check(name, version, theirs.manifest)
            assert remote.stamp(name, version) == ours.stamp
    # The copies are a store too, which the shadow's process reads when the server is away.
    assert Store(remote.root).contents() == local.contents()


def test_what_is_not_there_is_named_as_in_a_folder(url):
    remote = named_store(url)

    with pytest.raises(ModelNotFound, match="model 'nonesuch' is not in the store; it holds: toy"):
        remote.load("nonesuch")
    with pytest.raises(ModelNotFound, match=r"has versions \[1, 2\], not 9"):
        remote.load("toy", 9)
    with pytest.raises(StoreMissing, match="the store .*/nothing is not there"):
        named_store(f"{url}/nothing").models()


def test_weights_are_fetched_once(url, monkeypatch):
    first = named_store(url).load("toy")
    monkeypatch.setattr("model_store.remote.store.RemoteStore._fetch", None)

    assert named_store(url).load("toy").stamp == first.stamp


def test_a_new_version_and_a_replaced_one_are_seen(url, local, server):
    remote = named_store(url)
    before = remote.load("toy")
    other = local.root / "toy/1"
    for path in other.iterdir():  # the second is now as the first
        server.put(key(url, f"toy/2/{path.name}"), path.read_bytes())
        server.put(key(url, f"toy/3/{path.name}"), path.read_bytes())

    assert remote.versions("toy") == [1, 2, 3]
    replaced = remote.load("toy", 2)
    assert replaced.manifest == local.manifest("toy", 1) != before.manifest
    assert replaced.stamp != before.stamp
    assert np.array_equal(logits(replaced), logits(local.load("toy", 1)))


def test_a_damaged_object_is_refused_by_name_and_not_kept(url, server):
    remote = named_store(url)
    weights = key(url, "toy/2/model.safetensors")
    good = server.get(weights)
    server.put(weights, good[:-1] + bytes([good[-1] ^ 1]))

    with pytest.raises(
        ChecksumMismatch, match="'toy' version 2.*the object toy/2/model.safetensors has"
    ):
        remote.load("toy")
    assert not list(remote.root.rglob("model.safetensors"))
    with pytest.raises(ChecksumMismatch):
        remote.check("toy", 2, remote.manifest("toy", 2))
    assert remote.load("toy", 1).version == 1
    assert remote.load("toy-dense").version == 1
    server.put(weights, good)
    assert remote.load("toy").version == 2


def test_a_missing_or_malformed_object_is_named(url, server):
    remote = named_store(url)
    server.files.rm(f"{s3.BUCKET}/{key(url, 'toy/2/model.safetensors')}")
    with pytest.raises(WeightsInvalid, match="'toy' version 2: model.safetensors is missing"):
        remote.load("toy")
    server.put(key(url, "toy/2/manifest.json"), b"{}")
    with pytest.raises(ManifestInvalid, match="'toy' version 2"):
        remote.load("toy")
    server.put(key(url, "toy/2/model.safetensors"), b"")
    server.files.rm(f"{s3.BUCKET}/{key(url, 'toy/2/manifest.json')}")
    with pytest.raises(ManifestInvalid, match="'toy' version 2: manifest.json is missing"):
        remote.load("toy")


def test_a_damaged_copy_is_fetched_again(url):
    remote = named_store(url)
    remote.load("toy")
    copy = remote.root / "toy/2/model.safetensors"
    good = copy.read_bytes()
    copy.write_bytes(bytes(len(good)))

    assert np.array_equal(logits(remote.load("toy")), logits(named_store(url).load("toy")))
    assert copy.read_bytes() == good


def test_a_copy_that_was_not_finished_is_never_used(url):
    remote = named_store(url)
    unfinished = remote.root / "toy/.fetching-2"
    unfinished.mkdir(parents=True)
    (unfinished / "model.safetensors").write_bytes(b"half")

    assert remote.load("toy").version == 2
    assert not unfinished.exists()


def test_nothing_is_ever_written_to_the_server(url, server, local):
    remote, before = named_store(url), server.objects()
    for name, versions in remote.contents().items():
        for version in versions:
            remote.load(name, version)
    weights = local.load("toy-dense").weights
    with pytest.raises(StoreNotWritable, match=f"the store {url} is read only"):
        remote.publish("toy", weights, origin=toys.ORIGIN)

    assert server.objects() == before


def test_a_full_disk_is_told_before_anything_is_fetched(url, monkeypatch):
    remote = named_store(url)
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("U", (), {"free": 10}))

    with pytest.raises(CacheUnusable, match="bytes for a model, its disk has 10; XDG_CACHE_HOME"):
        remote.load("toy")
    assert not list(remote.root.rglob("model.safetensors"))


def test_a_cache_that_cannot_be_made_is_told(url, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    with pytest.raises(CacheUnusable, match="cannot be written: Not a directory; XDG_CACHE_HOME"):
        named_store(url).load("toy")


def test_a_server_that_is_away_is_one_clear_line(url, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://user:word@127.0.0.1:9")
    with pytest.raises(StoreUnreachable) as caught:
        named_store(url).models()

    text = str(caught.value)
    assert f"the store {url} does not answer: " in text
    assert "\n" not in text
    assert "word" not in text
    assert s3.SECRET not in text


def test_a_server_that_accepts_and_never_answers_is_given_up_in_one_line(url, monkeypatch):
    monkeypatch.setattr("model_store.remote.file_systems.READ_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(StoreUnreachable) as caught:
            named_store(url).load("toy")

    assert str(caught.value).startswith(f"the store {url} does not answer: ")
    assert "\n" not in str(caught.value)


def test_an_object_that_is_replaced_while_it_is_read_is_never_mixed(url, server, monkeypatch):
    monkeypatch.setattr("model_store.remote.objects.BLOCK_BYTES", 100)
    remote = named_store(url)
    weights = key(url, "toy/2/model.safetensors")
    other = server.get(key(url, "toy/1/model.safetensors"))

    def replaced(objects, *path):
        opened = found(objects, *path)
        if path[-1] == "model.safetensors":
            opened._file.read(100)
            server.put(weights, other)
            opened._file.seek(0)
        return opened

    found = Objects.open
    monkeypatch.setattr(Objects, "open", replaced)
    with pytest.raises(StoreUnreachable, match="an object was replaced while it was read"):
        remote.load("toy")
    assert not list(remote.root.rglob("model.safetensors"))
