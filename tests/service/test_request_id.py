"""Every request has an id: the client's or one made, in its answer and in its log lines."""

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator

import grpc
import numpy as np
import pytest

from fff.backends import Backend
from service.logs import JsonFormatter, TextFormatter
from tests.service import toys
from tests.service.grpc import toys as grpc_toys
from tests.service.http.test_fast_path import listening, written

PREDICT, INFER = "/v1/models/toy/predict", "/v2/models/toy/infer"
GOOD = {"inputs": [[0.5] * toys.WIDTH]}
HEADER = "x-request-id"


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, str]]]]:
    """Log lines so far, as JSON."""
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(JsonFormatter())
    logging.getLogger().addHandler(handler)
    yield lambda: [json.loads(line) for line in handler.stream.getvalue().splitlines()]
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (PREDICT, GOOD, 200),
        (PREDICT, {}, 400),
        (INFER, {}, 400),
        ("/v1/models/nope/predict", GOOD, 404),
        ("/v1/compare", GOOD | {"model": "toy"}, 200),
        ("/nowhere", {}, 404),
    ],
)
async def test_an_answer_carries_the_id_its_client_sent_whatever_the_answer(
    client, path, body, status
):
    answer = await client.post(path, json=body, headers={HEADER: "a/b:c~1"})

    assert (answer.status_code, answer.headers.get_list(HEADER)) == (status, ["a/b:c~1"])


@pytest.mark.parametrize("sent", [b"", b"x" * 129, b"a b", b"a\tb", b"\x7f", b"caf\xc3\xa9"])
async def test_an_id_that_would_harm_a_log_line_is_replaced(client, sent):
    answer = await client.post(PREDICT, json=GOOD, headers=[(HEADER.encode(), sent)])

    assert answer.headers[HEADER].encode("latin-1") not in (b"", sent)


async def test_the_longest_id_is_kept(client):
    answer = await client.post(PREDICT, json=GOOD, headers={HEADER: "~" * 128})
    assert answer.headers[HEADER] == "~" * 128


async def test_ids_that_are_made_are_all_different(client):
    answers = await asyncio.gather(*(client.post(PREDICT, json=GOOD) for _ in range(50)))
    assert len({answer.headers[HEADER] for answer in answers}) == 50


class Faulty:
    """A backend that cannot compute rows of 0.5."""

    rechecked_rows = 0

    def __init__(self, real: Backend):
        self._real = real

    def infer(self, x):
        if (x[:, 0] == 0.5).any():
            raise RuntimeError("of the backend")
        return self._real.infer(x)


@pytest.mark.parametrize("inline_rows", [0, 64], ids=["thread", "loop"])
async def test_a_failed_batch_logs_the_ids_of_its_requests(toy, lines, inline_rows):
    """Each line is of the request it is about, not of the one in whose turn the batch ran."""
    app, client = toy
    worker = app.state.engine.model("toy").worker
    worker.backend, worker.inline_rows = Faulty(worker.backend), inline_rows

    def ask(value: float):
        body = {"inputs": [[value] * toys.WIDTH]}
        return client.post(PREDICT, json=body, headers={HEADER: f"row-{value}"})

    answers = await asyncio.gather(*map(ask, (0.125, 0.25, 0.5, 0.75)))

    assert [answer.status_code for answer in answers] == [200, 200, 500, 200]
    (together,) = [line for line in lines() if "failed on a batch" in line["message"]]
    (alone,) = [line for line in lines() if "failed to compute 1 rows" in line["message"]]
    assert "row-0.5" in together["message"]
    assert "request_id" not in together
    assert alone["request_id"] == "row-0.5"
    assert "RuntimeError: of the backend" in alone["exception"]


async def test_what_is_logged_while_a_request_is_handled_carries_its_id(toy, lines, monkeypatch):
    app, client = toy
    monkeypatch.setattr(app.state.engine, "submit", lambda *_, **__: 1 / 0)

    answer = await client.post(PREDICT, json=GOOD, headers={HEADER: "mine"})
    asked = await client.post("/v1/compare", json=GOOD | {"model": "toy"})

    failed = [line for line in lines() if "a request for model toy failed" in line["message"]]
    assert (answer.status_code, asked.status_code) == (500, 500)
    assert [line["request_id"] for line in failed] == ["mine", asked.headers["x-request-id"]]
    assert all(line["exception"].endswith("ZeroDivisionError: division by zero") for line in failed)


async def test_grpc_echoes_the_id_in_its_metadata_in_errors_too(toy_store):
    rows = np.zeros((1, toys.WIDTH), np.float32)
    sent = (("x-request-id", "mine"),)
    async with grpc_toys.running(store=toy_store.root) as (_, _, client):
        good = grpc_toys.message("toy", "FP32", rows)
        good.raw_input_contents.append(rows.tobytes())
        call = client._client_stub.ModelInfer(good, metadata=sent)
        await call
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client._client_stub.ModelInfer(
                grpc_toys.message("nope", "FP32", rows), metadata=sent
            )

        assert dict(await call.trailing_metadata())["x-request-id"] == "mine"
        assert dict(caught.value.trailing_metadata())["x-request-id"] == "mine"


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_a_line_outside_of_any_request_has_no_id(formatter):
    record = logging.LogRecord("service.x", logging.INFO, "", 0, "%d rows", (3,), None)
    line = formatter.format(record)
    assert "3 rows" in line
    assert "request_id" not in line
    assert "[" not in line


async def test_a_body_that_comes_after_its_head_is_of_the_same_request(
    toy_store, lines, monkeypatch
):
    body = json.dumps(GOOD).encode()
    async with listening(store=toy_store.root) as (app, port):
        begun, begin = asyncio.Event(), app.predictions.begin

        def begin_and_say(*args):
            begun.set()
            return begin(*args)

        monkeypatch.setattr(app.predictions, "begin", begin_and_say)
        monkeypatch.setattr(app.state.engine, "submit", lambda *_, **__: 1 / 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = written(PREDICT, body, {HEADER: "mine"})[: -len(body)]
        writer.write(head)
        await begun.wait()
        writer.write(body)
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    (failed,) = [line for line in lines() if "a request for model toy failed" in line["message"]]
    assert failed["request_id"] == "mine"
