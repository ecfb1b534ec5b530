"""The client against the real service: the same numbers in every form, and every refusal."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import orjson
import pytest
import torch
from fff_client import Client, NotReachable, RequestRefused

from service.protocol.outputs import OUTPUTS
from tests.service import toys

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(40, toys.WIDTH)).astype(np.float32)
PIXELS = RANDOM.integers(0, 256, (40, toys.WIDTH)).astype(np.uint8)


@pytest.fixture
def client(url):
    with Client(url) as client:
        yield client


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
@pytest.mark.parametrize("rows", [ROWS, ROWS.astype(np.float16), PIXELS], ids=["f4", "f2", "u1"])
def test_rows_together_in_parts_and_alone_are_the_same_bits(url, client, rows, binary):
    """The law: neither the form, nor the split, nor the company changes one bit."""
    together = client.predict("toy", rows, outputs=list(OUTPUTS))

    with Client(url, binary=binary, max_rows=7) as other:
        parts = other.predict("toy", rows, outputs=list(OUTPUTS))
        singles = [other.predict("toy", row, outputs=list(OUTPUTS)) for row in rows]

    for name in OUTPUTS:
        assert together.tensors[name].dtype == parts.tensors[name].dtype
        np.testing.assert_array_equal(parts.tensors[name], together.tensors[name])
        alone = np.concatenate([single.tensors[name] for single in singles])
        np.testing.assert_array_equal(alone, together.tensors[name])


def test_float32_survives_json_bit_by_bit():
    """The shortest decimals of float32, read as float64 and rounded, as the client reads them."""
    bits = RANDOM.integers(0, 2**32, 200_000, dtype=np.uint32)
    numbers = bits.view(np.float32)
    numbers = numbers[np.isfinite(numbers)]

    received = np.array(json.loads(orjson.dumps(numbers, option=orjson.OPT_SERIALIZE_NUMPY)), "<f4")
    sent = np.array(orjson.loads(json.dumps(numbers.tolist())), np.float32)

    assert (received.view(np.uint32) == numbers.view(np.uint32)).all()
    assert (sent.view(np.uint32) == numbers.view(np.uint32)).all()


def test_a_prediction_has_arrays_of_its_own_and_names_its_model(client):
    prediction = client.predict("toy", ROWS, outputs=["logits", "leaf", "margin", "probabilities"])

    assert (prediction.model, prediction.version, prediction.logits.shape) == (
        "toy",
        1,
        (40, toys.OUTPUTS),
    )
    assert (prediction.classes == prediction.logits.argmax(1)).all()
    assert (prediction.leaves.shape, prediction.margins.shape) == ((40, 1), (40, 1))
    np.testing.assert_allclose(prediction.probabilities.sum(1), 1, rtol=1e-6)
    assert prediction.queue_s >= 0
    assert 0 < prediction.compute_s < 60
    assert prediction.logits.flags.writeable
    assert prediction.logits.flags.aligned


def test_reading_an_output_that_was_not_requested_is_an_error(client):
    prediction = client.predict("toy", ROWS[:1], outputs="class")

    assert prediction.classes.shape == (1,)
    with pytest.raises(AttributeError, match="outputs must name 'leaf' to have it; got class"):
        _ = prediction.leaves


def test_float64_and_lists_are_sent_as_float32(client):
    expected = client.predict("toy", ROWS).logits

    for same in (
        ROWS.astype(np.float64),
        ROWS.tolist(),
        np.asfortranarray(ROWS),
        ROWS.astype(">f4"),
    ):
        np.testing.assert_array_equal(client.predict("toy", same).logits, expected)


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
@pytest.mark.parametrize(
    ("changed", "status", "message"),
    [
        ({"model": "nope"}, 404, "served: toy, toy-dense"),
        ({"version": 7}, 404, "version '7' is not served; served: 1"),
        ({"x": ROWS[:, :5]}, 400, r"\[rows, 6\]"),
        ({"x": ROWS * np.float32(np.nan)}, 400, "finite"),
        ({"x": np.full((1, toys.WIDTH), 1e300)}, 400, "finite"),
        ({"outputs": ["lagits"]}, 400, "outputs must be among logits"),
    ],
    ids=["model", "version", "width", "nan", "beyond-float32", "output"],
)
def test_a_refusal_has_the_services_message_and_is_not_retried(
    url, binary, changed, status, message
):
    with (
        Client(url, binary=binary, sleep=_never) as client,
        pytest.raises(RequestRefused) as raised,
    ):
        client.predict(**{"model": "toy", "x": ROWS} | changed)
    assert re.search(message, str(raised.value))
    assert raised.value.status == status
    assert raised.value.request_id


def _never(seconds: float) -> None:
    raise AssertionError("the client waited")


def whole(rows: npt.NDArray[np.uint8]) -> list[npt.ArrayLike]:
    """The same pixels as callers have them who do not know of uint8."""
    return [rows.astype(np.int64), rows.tolist(), rows.astype(np.float32), rows.astype(float)]


def test_what_may_be_pixels_is_refused_until_the_caller_says_which(client):
    """In every call, and then the call that the error names works and means what it says."""
    for call in (client.predict, client.compare, client.explain):
        for x in whole(PIXELS):
            with pytest.raises((TypeError, ValueError), match=r"pass pixels=True .*pixels=False"):
                call("toy", x)
        for x in whole(PIXELS):
            call("toy", x, pixels=True)

    pixels = client.predict("toy", PIXELS).logits
    untouched = client.predict("toy", PIXELS.astype(np.float32), pixels=False).logits
    for x in whole(PIXELS):
        np.testing.assert_array_equal(client.predict("toy", x, pixels=True).logits, pixels)
        np.testing.assert_array_equal(client.predict("toy", x, pixels=False).logits, untouched)
    assert (pixels != untouched).any()


def test_images_are_rows(client):
    flat = client.predict("toy", PIXELS).logits

    for images in (PIXELS.reshape(40, 2, 3), PIXELS.reshape(40, 1, 3, 2), [*PIXELS]):
        np.testing.assert_array_equal(client.predict("toy", images).logits, flat)


def test_labels_are_taken_as_tensors_and_as_whole_floats(client):
    labels = client.predict("toy", ROWS).classes

    for same in (labels, torch.tensor(labels), labels.astype(np.float64), [*map(int, labels)]):
        assert client.compare("toy", ROWS, same).fff.accuracy == 1
    with pytest.raises(RequestRefused, match=r"labels must be whole numbers"):
        client.compare("toy", ROWS, labels + 0.5)


LIMITS = {
    "rows": {"FFF_MAX_BATCH_ROWS": "24"},  # no power of 2, and less than the client would send
    "bytes": {"FFF_MAX_BODY_BYTES": "8192"},
}


@pytest.mark.parametrize("limit", LIMITS.values(), ids=LIMITS)
def test_more_rows_than_the_service_takes_are_sent_in_several_requests(toy_store, limit):
    """Whatever its limits are, which a caller need not know."""
    many = np.resize(ROWS, (1500, toys.WIDTH))
    with toys.live("--store", str(toy_store.root), **limit) as service, Client(service.url) as few:
        predicted = few.predict("toy", many, outputs=["logits", "leaf"])
        explained = few.explain("toy", many)
        small = few.compare("toy", many[:20])
        with pytest.raises(RequestRefused, match="timed on one batch: pass fewer rows") as raised:
            few.compare("toy", many)

    assert raised.value.status == 413
    assert small.rows == 20
    rows = explained["rows"]
    np.testing.assert_array_equal([row["leaf"] for row in rows], predicted.leaves[:, 0])
    np.testing.assert_array_equal(
        np.array([row["logits"] for row in rows], np.float32), predicted.logits
    )
    np.testing.assert_array_equal(predicted.logits, np.resize(predicted.logits[:40], (1500, 3)))


def test_a_comparison_has_both_networks_logits(client):
    labels = client.predict("toy", PIXELS).classes
    comparison = client.compare("toy", PIXELS, labels)

    for side in (comparison.fff, comparison.dense):
        np.testing.assert_array_equal(side.logits, client.predict(side.model, PIXELS).logits)
        assert side.compute_s > 0
        assert side.compute_us_per_row == pytest.approx(side.compute_s * 1e6 / 40)
        assert side.flops_per_row == client.model(side.model)["flops_per_row"]
        assert side.bytes_per_row == client.model(side.model)["bytes_per_row"]
    assert (comparison.dense.model, comparison.rows) == ("toy-dense", 40)
    assert comparison.mean_difference == pytest.approx(
        np.abs(comparison.fff.logits - comparison.dense.logits).mean()
    )
    assert (comparison.fff.accuracy, comparison.dense.accuracy) == (1, comparison.agreement)
    assert comparison.agreement == np.mean(
        comparison.fff.logits.argmax(1) == comparison.dense.logits.argmax(1)
    )


def test_models_and_leaves_are_described_as_the_service_does(client):
    names = [described["name"] for described in client.models()]

    assert names == ["toy", "toy-dense"]
    assert client.model("toy")["manifest"]["input_width"] == toys.WIDTH
    assert len(client.leaves("toy")["layers"][0]["rows"]) == 2**toys.DEPTH
    with pytest.raises(RequestRefused, match="served: toy"):
        client.model("nope")


def test_a_client_serves_many_threads(client):
    expected = client.predict("toy", ROWS).logits

    with ThreadPoolExecutor(16) as threads:
        logits = threads.map(
            lambda row: client.predict("toy", row).logits[0], np.resize(ROWS, (400, 6))
        )
    np.testing.assert_array_equal(np.stack(list(logits)), np.resize(expected, (400, toys.OUTPUTS)))


def test_a_service_that_is_gone_is_not_reachable_at_the_deadline(toy_store):
    with toys.live("--store", str(toy_store.root)) as service, Client(service.url) as client:
        client.wait_until_ready()
        assert service.stop() == 0

        now = [0.0]
        dead = Client(service.url, clock=lambda: now[0], sleep=lambda s: now.append(now.pop() + s))
        assert not dead.ready()
        with pytest.raises(NotReachable, match=service.url):
            dead.predict("toy", ROWS)
        with pytest.raises(NotReachable):
            dead.wait_until_ready(60)
        assert 59 < now[0] < 63
