"""
Predictions of rows by name.

The law: named rows are answered as the numbers that they become, on every path, bit for bit.
"""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.engine.offload import IN_LOOP_SLOW_BYTES
from tests.service import named, toys
from tests.service.http.test_fast_path import asked, comparable, listening, written

PREDICT, EXPLAIN = "/v1/models/census/predict", "/v1/models/census/explain"
ROWS = named.rows(40)
LABELS = {"model": "census", "version": "1", "kind": "fff"}


@pytest.fixture
async def census(tmp_path: Path) -> AsyncIterator[tuple[Any, httpx.AsyncClient]]:
    store = named.make_store(tmp_path / "store")
    async with toys.running(store=store.root, max_batch_rows=3000) as (app, client):
        yield app, client


@pytest.fixture
def client(census: tuple[Any, httpx.AsyncClient]) -> httpx.AsyncClient:
    return census[1]


async def answer(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    response = await client.post(path, json=body)
    assert response.status_code == 200, response.text
    answered: dict[str, Any] = response.json()
    return answered


def numbers(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"inputs": named.ENCODER.rows(rows).tolist()}


@pytest.mark.parametrize("count", [1, 40, 2500], ids=["one", "some", "a-large-body"])
async def test_named_rows_are_answered_as_the_numbers_they_become(client, count):
    rows = named.rows(count)
    assert (len(json.dumps({"rows": rows})) > IN_LOOP_SLOW_BYTES) == (count == 2500)

    by_name = await answer(client, PREDICT, {"rows": rows})

    assert by_name == await answer(client, PREDICT, numbers(rows))
    assert len(by_name["outputs"]) == count


async def test_a_row_is_answered_alike_in_any_company(client):
    whole = await answer(client, PREDICT, {"rows": ROWS})
    alone = await asyncio.gather(*(answer(client, PREDICT, {"rows": [row]}) for row in ROWS))

    assert [each["outputs"][0] for each in alone] == whole["outputs"]


async def test_the_short_way_and_asgi_agree(tmp_path):
    store = named.make_store(tmp_path / "store")
    bodies: list[dict[str, Any]] = [
        {"rows": ROWS},
        {"rows": named.rows(1020)},
        {"rows": [named.ROW | {"age": None}]},
    ]
    bodies += [{"rows": named.rows(1025)}, {"rows": [named.ROW], "datatype": "FP32"}]
    async with listening(store=store.root) as (_, port):
        for body in bodies:
            content = json.dumps(body).encode()
            (plain,) = await asked(port, written(PREDICT, content, {}))
            (chunked,) = await asked(port, written(PREDICT, content, {}, chunked=True))
            assert comparable(plain) == comparable(chunked)


async def test_a_compressed_body_is_the_same(client):
    body = gzip.compress(json.dumps({"rows": ROWS}).encode())

    response = await client.post(PREDICT, content=body, headers={"Content-Encoding": "gzip"})

    assert response.json() == await answer(client, PREDICT, {"rows": ROWS})


async def test_an_explanation_takes_named_rows(client):
    by_name = await answer(client, EXPLAIN, {"rows": ROWS})
    by_number = await answer(client, EXPLAIN, numbers(ROWS))

    assert [row["path"] for row in by_name["rows"]] == [row["path"] for row in by_number["rows"]]


async def test_a_comparison_takes_named_rows(client):
    more = {"model": "census", "labels": [1] * len(ROWS)}
    by_name = await answer(client, "/v1/compare", {"rows": ROWS} | more)
    by_number = await answer(client, "/v1/compare", numbers(ROWS) | more)

    for side in ("fff", "dense"):
        assert by_name[side]["outputs"] == by_number[side]["outputs"]
        assert by_name[side]["accuracy"] == by_number[side]["accuracy"]


ROW = named.ROW
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "null": ({"rows": [ROW, ROW | {"age": None}]}, "rows: row 1, counted from 0, column 'age': "),
    "text": ({"rows": [ROW | {"age": "39"}]}, "column 'age': a number was expected, got '39'"),
    "category": ({"rows": [ROW | {"work": "x"}]}, "column 'work': one of 'private', 'self', 'st"),
    "missing": ({"rows": [{"age": 39}]}, "row 0, counted from 0, column 'work': the column is m"),
    "unknown": ({"rows": [ROW | {"sex": 1}]}, "column 'sex': the column is unknown; known are"),
    "no-object": ({"rows": [[39, "state"]]}, "row 0, counted from 0: an object was expected that"),
    "no-rows": ({"rows": []}, "rows must be a list of at least one object, got []"),
    "no-list": ({"rows": ROW}, "rows must be a list of at least one object, got {"),
    "pixels": ({"rows": [ROW], "datatype": "UINT8"}, "rows need no other field; got also ['da"),
    "both": ({"rows": [ROW], "inputs": [[0] * 7]}, "rows need no other field; got also ['inputs']"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("path", [PREDICT, EXPLAIN])
async def test_what_is_wrong_is_told_by_row_and_column(client, path, case):
    body, said = REFUSED[case]

    response = await client.post(path, json=body)

    assert (response.status_code, list(response.json())) == (400, ["error"])
    assert said in response.json()["error"]


async def test_a_model_without_names_takes_none(client):
    response = await client.post("/v1/models/toy/predict", json={"rows": [ROW]})

    assert response.status_code == 400
    assert response.json()["error"] == (
        "rows: this model's inputs have no names; send inputs, rows of numbers"
    )


async def test_numbers_are_taken_beside_names(client):
    """As the network takes them, untouched: a client may have encoded them itself."""
    assert await answer(client, PREDICT, {"inputs": [[0.5] * 7]})


async def test_more_rows_than_a_batch_are_too_large(client):
    response = await client.post(PREDICT, json={"rows": [ROW] * 3001})

    assert response.status_code == 413
    assert response.json()["error"] == "a request may hold at most 3000 rows, got 3001"


async def test_named_rows_are_counted_as_any_others(census):
    app, client = census
    await answer(client, PREDICT, {"rows": ROWS})
    await client.post(PREDICT, json={"rows": [ROW | {"age": None}]})
    await client.post(PREDICT, json={"rows": [ROW] * 3001})

    value = app.state.engine.metrics.registry.get_sample_value
    assert value("fff_rows_total", LABELS) == len(ROWS)
    for code, times in (("200", 1), ("400", 1), ("413", 1)):
        assert value("fff_requests_total", LABELS | {"code": code}) == times
    for reason in ("invalid", "too_large"):
        assert value("fff_rejected_total", {"model": "census", "reason": reason}) == 1


async def test_the_docs_show_both_forms(client):
    openapi = (await client.get("/openapi.json")).json()

    for path in ("predict", "explain"):
        described = openapi["paths"][f"/v1/models/{{name}}/{path}"]["post"]["requestBody"]
        schema = described["content"]["application/json"]["schema"]
        assert [*map(sorted, schema["examples"])][:2] == [["inputs"], ["rows"]]
        assert [form["required"] for form in schema["anyOf"]] == [["inputs"], ["rows"]]
        assert "$ref" not in json.dumps(schema)
