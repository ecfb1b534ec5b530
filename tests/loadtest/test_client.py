"""What the load generator knows of images, of the service's models and of its answers."""

import gzip
import json

import pytest

from loadtest.harness.errors import LoadTestError
from loadtest.harness.images import BUNDLED, read_images
from loadtest.harness.service_api import Pair, choose_pair, fault, infer_bodies

MODELS = [
    {"name": "rival", "kind": "mixture", "manifest": {"baseline": "a-dense"}},
    {"name": "plain", "kind": "fff", "manifest": {"baseline": None}},
    {"name": "orphan", "kind": "fff", "manifest": {"baseline": "absent"}},
    {"name": "a-dense", "kind": "dense", "manifest": {}},
    {"name": "a", "kind": "fff", "manifest": {"baseline": "a-dense"}},
    {"name": "b", "kind": "fff", "manifest": {"baseline": "a-dense"}},
]
IDX = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]) + bytes([1, 2, 3, 4])


def answer(rows):
    return json.dumps({"outputs": [{"name": "logits", "shape": [rows, 10]}]}).encode()


def test_the_first_fff_whose_baseline_is_served_is_loaded():
    assert choose_pair(MODELS, "") == Pair("a", "a-dense")


def test_an_fff_can_be_asked_for_by_name():
    assert choose_pair(MODELS, "b") == Pair("b", "a-dense")


@pytest.mark.parametrize("wanted", ["rival", "plain", "orphan", "a-dense", "absent"])
def test_without_a_pair_the_error_says_what_is_served(wanted):
    served = ", ".join(str(model["name"]) for model in MODELS)
    with pytest.raises(LoadTestError, match=f"{wanted}.*served: {served}"):
        choose_pair(MODELS, wanted)


def test_the_bundled_images_are_digits():
    images = read_images(BUNDLED, 100)

    assert len(images) == 100
    assert {len(image) for image in images} == {64}
    assert max(map(max, images)) == 16


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_idx_is_read_plain_or_gzipped(tmp_path, pack):
    path = tmp_path / ("images" if pack is bytes else "images.gz")
    path.write_bytes(pack(IDX))

    assert read_images(path, 10) == [b"\1\2", b"\3\4"]
    assert read_images(path, 1) == [b"\1\2"]


NO_IMAGES = {
    "cut-short": IDX[:-1],
    "cut-in-its-head": IDX[:9],
    "labels-of-floats": b"\0\0\x0d\1\0\0\0\1\0\0\0\0",
    "empty": b"",
    "no-gzip.gz": IDX,
    "torn.gz": gzip.compress(IDX)[:-14],
    "rotten.gz": gzip.compress(IDX * 9)[:12] + b"\xff" * 9,
}


@pytest.mark.parametrize(("name", "content"), NO_IMAGES.items(), ids=NO_IMAGES)
def test_a_file_that_is_not_images_is_an_error_with_its_name(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(LoadTestError, match=name):
        read_images(path, 10)


def test_bodies_hold_the_images_in_turn_and_differ():
    images = [bytes([k, k]) for k in range(5)]
    tensors = [json.loads(body)["inputs"][0] for body in infer_bodies(images, rows=2)]

    assert tensors[0]["data"] == [0, 0, 1, 1]
    assert tensors[2]["data"] == [4, 4, 0, 0]
    assert {tuple(t["shape"]) for t in tensors} == {(2, 2)}


def test_a_right_answer_has_no_fault():
    assert fault(200, answer(3), rows=3) is None


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (200, answer(2), "asked for 3 rows, got 2"),
        (200, b"<html>", "not an inference response"),
        (200, b'{"outputs": []}', "not an inference response"),
        (200, b'{"outputs": [{"shape": []}]}', "not an inference response"),
        (429, b'{"error": "the queue is full"}', "status 429: the queue is full"),
        (502, b"<html>", "status 502: an answer without an error text"),
        (0, None, "status 0: no answer"),
    ],
)
def test_a_wrong_answer_is_named(status, body, message):
    assert message in str(fault(status, body, rows=3))
