"""Rows in several requests: how a client learns what the service takes, and what it asks."""

import json
import re
from collections.abc import Callable

import numpy as np
import pytest
from fff_client import Client, RequestRefused

from tests.client.scripted import Scripted, prediction, refused, response, scripted

ROWS = np.zeros((5, 4), np.float32)
WHOLE = np.full((1, 4), 9.0, np.float32)


def sizes(script: Scripted) -> list[int]:
    return [int(re.findall(rb'"shape":\[(\d+),', body)[0]) for _, body in script.requests]


def test_what_the_service_takes_is_found_once_and_remembered():
    responses = [refused(413), refused(413), *[prediction()] * 6]
    with scripted(*responses) as script, Client(script.url) as client:
        client.predict("m", ROWS)
        client.predict("m", ROWS)

    assert sizes(script) == [5, 4, 2, 2, 1, 2, 2, 1]


def test_one_row_that_is_too_large_is_refused():
    with (
        scripted(refused(413), refused(413)) as script,
        Client(script.url) as client,
        pytest.raises(RequestRefused, match="no, said") as raised,
    ):
        client.predict("m", ROWS[:2])

    assert raised.value.status == 413
    assert sizes(script) == [2, 1]


def explanation(version: int, leaf: int) -> bytes:
    fields = {"model": "m", "version": version, "depth": 1, "rows": [{"leaf": leaf}], "new": 1}
    return response(200, json.dumps(fields).encode())


def test_an_explanation_is_of_one_version():
    """Where the model was replaced amid the requests, all are sent again."""
    responses = [explanation(v, n) for v, n in [(1, 0), (2, 1), (2, 2), (2, 3)]]
    with scripted(*responses) as script, Client(script.url, max_rows=3) as client:
        explained = client.explain("m", ROWS)

    assert explained["version"] == 2
    assert explained["rows"] == [{"leaf": 2}, {"leaf": 3}]


@pytest.mark.parametrize("parameters", [{}, {"uint8_scale": 1.0}, {"uint8_scale": 1 / 255}])
def test_whole_floats_are_refused_only_where_the_model_scales_pixels(parameters):
    described = {"inputs": [{"name": "input", "parameters": parameters}]}
    metadata = response(200, json.dumps(described).encode())
    with scripted(metadata, prediction()) as script, Client(script.url) as client:
        if parameters.get("uint8_scale", 1) < 1:
            with pytest.raises(ValueError, match="looks like pixels, whole numbers from 0 to 9"):
                client.predict("m", WHOLE)
        else:
            assert client.predict("m", WHOLE).version == 3

    assert script.requests[0][0] == "/v2/models/m"


def test_nothing_is_asked_about_a_model_where_nothing_is_in_doubt():
    with scripted(*[prediction()] * 3) as script, Client(script.url) as client:
        client.predict("m", WHOLE, pixels=False)
        client.predict("m", WHOLE, pixels=True)
        client.predict("m", WHOLE + 0.5)

    assert {path for path, _ in script.requests} == {"/v2/models/m/infer"}


def test_fields_that_a_later_service_adds_are_ignored():
    later = prediction().replace(b'"model_name"', b'"later": {"a": [1]}, "model_name"')
    head = int(re.findall(rb"Inference-Header-Content-Length: (\d+)", later)[0])
    added = len(b'"later": {"a": [1]}, ')
    later = later.replace(b"-Length: %d" % head, b"-Length: %d" % (head + added))
    body = int(re.findall(rb"\nContent-Length: (\d+)", later)[0])
    later = later.replace(b"\nContent-Length: %d" % body, b"\nContent-Length: %d" % (body + added))

    with scripted(later) as script, Client(script.url) as client:
        assert client.predict("m", ROWS[:1]).version == 3


def test_arguments_in_the_wrong_order_are_told_as_such():
    with Client() as client:
        calls: list[Callable[..., object]] = [client.predict, client.compare, client.explain]
        for call in calls:
            with pytest.raises(TypeError, match="model must be a name, got ndarray"):
                call(ROWS, ROWS)
