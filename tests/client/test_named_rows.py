"""The client's rows by name: the numbers of the same rows encoded, in any form and in any parts."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fff_client import AsyncClient, Client, RequestRefused, ServiceFailed
from fff_client.rows import named_rows_of

from tests.client.scripted import response, scripted
from tests.service import named, toys

ROWS = named.rows(20)


class Frame:
    """What a DataFrame of pandas has of what the client asks for."""

    columns = list(named.ROW)

    def to_dict(self, orient: str) -> list[dict[str, Any]]:
        assert orient == "records"
        return ROWS


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = named.make_store(tmp_path_factory.mktemp("named") / "store")
    with toys.live("--store", str(store.root)) as service:
        yield service.url


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(url) as client:
        yield client


@pytest.mark.parametrize("model", ["census", "census-dense"])
def test_rows_by_name_are_answered_as_the_numbers_they_become(client: Client, model: str) -> None:
    numbers = client.predict(model, named.ENCODER.rows(ROWS), outputs=["logits", "leaf"])
    by_name = client.predict_rows(model, ROWS)

    for name in ("logits", "leaf"):
        assert by_name.tensors[name].dtype == numbers.tensors[name].dtype
        np.testing.assert_array_equal(by_name.tensors[name], numbers.tensors[name])
    assert (by_name.model, by_name.version, by_name.compute_s > 0) == (model, 1, True)


def test_rows_in_parts_and_alone_are_the_same_bits(url: str, client: Client) -> None:
    together = client.predict_rows("census", ROWS).logits
    with Client(url, max_rows=7) as few:
        np.testing.assert_array_equal(few.predict_rows("census", ROWS).logits, together)
    alone = [client.predict_rows("census", row).logits for row in ROWS]

    np.testing.assert_array_equal(np.concatenate(alone), together)


def test_a_table_of_pandas_and_numbers_of_numpy_are_taken(client: Client) -> None:
    expected = client.predict_rows("census", ROWS).logits
    typed = [row | {"age": np.float64(row["age"]), "hours": np.int32(row["hours"])} for row in ROWS]

    np.testing.assert_array_equal(client.predict_rows("census", Frame()).logits, expected)
    np.testing.assert_array_equal(client.predict_rows("census", iter(typed)).logits, expected)


def test_the_asynchronous_client_has_the_same_call(url: str, client: Client) -> None:
    async def ask() -> Any:
        async with AsyncClient(url) as other:
            return await other.predict_rows("census", ROWS)

    np.testing.assert_array_equal(
        asyncio.run(ask()).logits, client.predict_rows("census", ROWS).logits
    )


@pytest.mark.parametrize("missing", [None, float("nan"), np.float32("nan")])
def test_a_missing_value_is_refused_by_row_and_column(client: Client, missing: object) -> None:
    with pytest.raises(RequestRefused, match="row 1, counted from 0, column 'age': .* got null"):
        client.predict_rows("census", [named.ROW, named.ROW | {"age": missing}])


def test_a_model_without_names_refuses_them(client: Client) -> None:
    with pytest.raises(RequestRefused, match="this model's inputs have no names"):
        client.predict_rows("toy", ROWS)


def test_what_are_no_rows_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        named_rows_of([])
    with pytest.raises(TypeError, match="mappings of names to values, got list"):
        named_rows_of([[1, 2]])


def answered(version: int, leaf: int) -> bytes:
    fields = {"model": "m", "version": version, "outputs": [[0.5]], "leaves": [[leaf]]}
    return response(200, json.dumps(fields).encode())


def test_a_prediction_in_parts_is_of_one_version() -> None:
    """Where the model was replaced amid the requests, all are sent again."""
    responses = [answered(v, n) for v, n in [(1, 0), (2, 1), (2, 2), (2, 3)]]
    with scripted(*responses) as script, Client(script.url, max_rows=1) as client:
        prediction = client.predict_rows("m", ROWS[:2])

    assert (prediction.version, prediction.leaves.tolist()) == (2, [[2], [3]])


def test_a_response_that_is_no_prediction_is_the_services_fault() -> None:
    with (
        scripted(response(200, b'{"model": "m"}')) as script,
        Client(script.url) as client,
        pytest.raises(ServiceFailed, match="the answer must be a prediction"),
    ):
        client.predict_rows("m", ROWS)
