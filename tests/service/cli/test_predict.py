"""`fff-serve predict` and `explain`: any file of the same rows, and the service's own answers."""

import asyncio
import gzip
import json

import numpy as np
import orjson
import pytest

from evaluation.idx import write_idx
from tests.service import toys
from tests.service.cli.rows_files import PIXELS, ROWS, SEVEN, Command, npy, npz


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    return Command(monkeypatch, capsys, tmp_path)


def infer_body(rows, **more) -> bytes:
    tensor = {"name": "input", "shape": list(rows.shape), "datatype": "FP32"}
    return orjson.dumps({"inputs": [tensor | {"data": rows.ravel().tolist()}]} | more)


@pytest.mark.parametrize("model", ["toy", "toy-dense"])
async def test_prediction_is_what_the_service_answers_to_the_last_byte(command, toy_store, model):
    body = command.file("rows.json", orjson.dumps({"inputs": ROWS.tolist()}))
    async with toys.running(store=toy_store.root) as (_, client):
        path = f"/v1/models/{model}/predict"
        served = (await client.post(path, content=body.read_bytes())).content

    printed = await asyncio.to_thread(
        command.printed, "predict", model, body, "--json", "--store", toy_store.root
    )

    assert printed.encode().rstrip(b"\n") == served


async def test_explanation_is_what_the_service_answers_to_the_last_byte(command, toy_store):
    body = command.file("rows.json", orjson.dumps({"inputs": ROWS.tolist()}))
    async with toys.running(store=toy_store.root) as (_, client):
        served = (await client.post("/v1/models/toy/explain", content=body.read_bytes())).content

    printed = await asyncio.to_thread(
        command.printed, "explain", "toy", body, "--json", "--store", toy_store.root
    )

    assert printed.encode().rstrip(b"\n") == served


async def test_outputs_are_those_of_the_protocol(command, toy_store):
    names = ["probabilities", "class", "margin", "leaf", "logits"]
    body = infer_body(ROWS, outputs=[{"name": name} for name in names])
    async with toys.running(store=toy_store.root) as (_, client):
        tensors = (await client.post("/v2/models/toy/infer", content=body)).json()["outputs"]
    want = {t["name"]: np.reshape(t["data"], t["shape"]).tolist() for t in tensors}
    want |= {"outputs": want.pop("logits"), "leaves": want.pop("leaf")}
    where = ("--json", "--store", toy_store.root)

    asked = await asyncio.to_thread(command.printed, "predict", "toy", "-", *where, stdin=body)
    option = ("--outputs", "class, probabilities,margin")
    given = await asyncio.to_thread(
        command.printed, "predict", "toy", *option, *where, stdin=npy(ROWS)
    )

    assert json.loads(asked) == json.loads(given) == want | {"model": "toy", "version": 1}


def test_the_same_rows_get_the_same_answer_from_any_format(command, toy_store):
    row = orjson.dumps(ROWS.tolist())
    contents = [
        *(
            npy(ROWS),
            npy(ROWS.astype(float)),
            npy(np.asfortranarray(ROWS)),
            npy(ROWS.astype(">f4")),
        ),
        *(npz(rows=ROWS), npz(x=ROWS, labels=ROWS[:1]), gzip.compress(npy(ROWS))),
        *(row, b" \n" + row, orjson.dumps({"inputs": ROWS.tolist()}), infer_body(ROWS)),
    ]
    where = ("--json", "--store", toy_store.root)
    want = command.printed("predict", "toy", *where, stdin=contents[0])

    for number, content in enumerate(contents):
        file = command.file(f"rows{number}", content)  # the name says nothing
        assert command.printed("predict", "toy", file, *where) == want
        assert command.printed("predict", "toy", "-", *where, stdin=content) == want


def test_pixels_are_pixels_from_any_format(command, toy_store):
    write_idx(command.folder / "idx", PIXELS.reshape(-1, 2, 3))
    numbers = orjson.dumps(PIXELS.tolist())
    contents = [npy(PIXELS), npy(PIXELS.reshape(-1, 2, 3)), (command.folder / "idx").read_bytes()]
    contents.append(orjson.dumps({"inputs": PIXELS.tolist(), "datatype": "UINT8"}))
    said = [numbers, npy(PIXELS.astype(np.int64)), npy(PIXELS.astype(float))]
    where = ("--json", "--store", toy_store.root)
    want = command.printed("predict", "toy", *where, stdin=npy(PIXELS / np.float32(255) - 0.5))

    for content in contents:
        got = command.printed("predict", "toy", *where, stdin=content)
        np.testing.assert_allclose(
            json.loads(got)["outputs"], json.loads(want)["outputs"], rtol=1e-4, atol=1e-5
        )
    for content in said:
        assert (
            command.printed("predict", "toy", "--datatype", "UINT8", *where, stdin=content) == got
        )


def test_a_row_alone_is_a_row(command, toy_store):
    where = ("--json", "--store", toy_store.root)
    one = command.printed("predict", "toy", *where, stdin=npy(ROWS[0]))

    assert one == command.printed("predict", "toy", *where, stdin=npy(ROWS[:1]))
    assert one == command.printed("predict", "toy", *where, stdin=orjson.dumps(ROWS[0].tolist()))


@pytest.mark.parametrize("name", ["predict", "explain"])
def test_more_rows_than_a_batch_are_computed_in_batches(command, toy_store, monkeypatch, name):
    where = ("--json", "--store", toy_store.root)
    whole = json.loads(command.printed(name, "toy", *where, stdin=npy(ROWS)))

    monkeypatch.setenv("FFF_MAX_BATCH_ROWS", "7")

    assert json.loads(command.printed(name, "toy", *where, stdin=npy(ROWS))) == whole
    body = orjson.dumps({"inputs": ROWS.tolist()})
    assert json.loads(command.printed(name, "toy", *where, stdin=body)) == whole


@pytest.mark.parametrize("name", ["predict", "explain"])
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_row_that_is_refused_is_named_and_nothing_is_printed(
    command, toy_store, monkeypatch, name, wrong
):
    monkeypatch.setenv("FFF_MAX_BATCH_ROWS", "7")
    rows = ROWS.copy()
    rows[23] = wrong

    code, out, err = command.ended(name, "toy", "--store", toy_store.root, stdin=npy(rows))

    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "row 23, counted from 0: inputs must" in err


def test_a_row_on_which_float32_overflows_is_named(command):
    rows = np.zeros((9, 64), np.float32)
    rows[4] = 3e38

    code, out, err = command.ended("predict", "digits", stdin=npy(rows))

    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "row 4, counted from 0: inputs must give finite outputs" in err


def test_floats_that_look_like_pixels_are_used_and_told(command):
    code, _, err = command.ended("predict", "digits", stdin=npy(SEVEN.reshape(1, 64).astype(float)))

    assert code == 0
    assert "look like pixels" in err
    assert "--datatype UINT8" in err


def test_people_get_a_table_of_the_first_rows_and_a_path(command, toy_store):
    where = ("--store", toy_store.root)
    lines = command.printed("predict", "toy", *where, stdin=npy(ROWS)).splitlines()
    path = command.printed("explain", "toy", *where, stdin=npy(ROWS[:1])).splitlines()

    assert lines[0].split() == ["row", "class", "probability", "leaf", "margin"]
    assert lines[-1] == "… and 30 more rows; --json prints all"
    assert len(lines) == 22
    assert path[0].startswith("row 0: class ")
    assert [line.split()[0] for line in path[1:]] == ["node"] * toys.DEPTH + ["leaf"]


def test_outputs_are_written_as_arrays(command, toy_store):
    written = command.folder / "outputs"
    command.printed(
        "predict", "toy", "--output", written, "--store", toy_store.root, stdin=npy(ROWS)
    )

    with np.load(written) as arrays:
        assert {name: len(arrays[name]) for name in arrays} == dict.fromkeys(
            ("logits", "probabilities", "class", "leaf", "margin"), len(ROWS)
        )
