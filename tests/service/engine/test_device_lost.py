"""A device that is lost: everybody is answered, nobody else is accepted, and the process ends."""

import asyncio
import re
import sys
import threading

import httpx
import numpy as np
import pytest

from fff.errors import DeviceLost
from service.engine.engine import Engine
from service.errors import ComputeFailed, LoadFailed, ServiceError, Unavailable
from service.job import Answer
from tests.service import gpu, toys

ROW = np.zeros((1, toys.WIDTH), np.float32)
DEADLY_ROW = np.full((1, toys.WIDTH), gpu.DEADLY, np.float32)
PREDICT = "/v1/models/toy/predict"


@pytest.fixture
async def both(toy_store, monkeypatch):
    gpu.install(monkeypatch)
    settings = {"store": toy_store.root, "device": "cuda", "admin_key": "key"}
    async with toys.running(**settings) as running:
        yield running


@pytest.fixture
def engine(both):
    engine: Engine = both[0].state.engine
    return engine


@pytest.fixture
def client(both):
    return both[1]


async def results(*futures: asyncio.Future[Answer]) -> list[Answer | BaseException]:
    return await asyncio.gather(*futures, return_exceptions=True)


@pytest.mark.parametrize("inline_rows", [0, 64], ids=["thread", "loop"])
async def test_its_batch_is_our_fault_and_is_not_tried_again(engine, inline_rows):
    model = engine.model("toy")
    model.worker.inline_rows = inline_rows
    engine.submit(model, ROW)  # alone; whoever follows in this turn waits for a batch
    model.worker.backend.batches.clear()

    failed = await results(*(engine.submit(model, x) for x in (ROW, DEADLY_ROW, ROW)))

    assert [type(error) for error in failed] == [ComputeFailed] * 3
    assert len(model.worker.backend.batches) == 1
    assert {"CUDA", "cuda"}.isdisjoint(str(failed[0]).split())


async def test_what_waits_for_any_model_is_answered_at_once_and_what_runs_when_it_ends(engine):
    dense, gate = engine.model("toy-dense"), threading.Event()
    infer = dense.worker.backend.infer
    dense.worker.inline_rows = 0
    dense.worker.backend.infer = lambda x: (gate.wait(), infer(x))[1]
    running = engine.submit(dense, ROW)
    await asyncio.sleep(0)  # it is in the thread
    waiting = [engine.submit(dense, ROW) for _ in range(20)]

    await results(engine.submit(engine.model("toy"), DEADLY_ROW))

    refused = await results(*waiting)
    assert {type(error) for error in refused} == {Unavailable}
    assert not running.done()
    gate.set()
    assert len((await running).logits) == 1
    assert engine.requests.accepted == engine.requests.answered == 22


async def test_from_then_on_it_is_neither_ready_nor_healthy_and_says_so(engine, client):
    lost = await client.post(PREDICT, json={"inputs": DEADLY_ROW.tolist()})
    refused = await client.post(PREDICT, json={"inputs": ROW.tolist()})
    ready = await client.get("/readyz")

    assert (lost.status_code, refused.status_code, refused.headers["retry-after"]) == (
        500,
        503,
        "1",
    )
    text = "the service has lost its device and ends: no new requests are accepted"
    assert refused.json() == {"error": text}
    assert (ready.status_code, ready.json()) == (
        503,
        {"ready": False, "state": "failed", "error": text},
    )
    for path in ("/healthz", "/v2/health/live", "/v2/health/ready", "/v2/models/toy/ready"):
        assert (await client.get(path)).status_code == 503
    assert "\nfff_ready 0.0\n" in (await client.get("/metrics")).text
    index = (await client.post("/v2/repository/index")).json()
    assert {(entry["state"], entry["reason"]) for entry in index} == {("UNAVAILABLE", "failed")}
    load = await client.post(
        "/v2/repository/models/toy/load", headers={"Authorization": "Bearer key"}
    )
    assert load.status_code == 503


async def test_whoever_can_end_the_process_is_told_once_and_the_log_has_the_cause(engine, caplog):
    losses: list[DeviceLost] = []
    engine.on_lost = losses.append

    for _ in range(2):
        with pytest.raises(ServiceError):
            await engine.submit(engine.model("toy"), DEADLY_ROW)

    assert [str(loss) for loss in losses] == [gpu.LOSS]
    (line,) = [r for r in caplog.records if r.name == "service.engine.engine" and r.exc_info]
    assert (line.levelname, gpu.LOSS in line.getMessage()) == ("ERROR", True)


async def test_a_loss_during_a_stop_is_a_failure_and_stays_one(engine):
    accepted = engine.submit(engine.model("toy"), ROW)
    engine.drain()
    engine.lose(DeviceLost(gpu.LOSS))
    engine.drain()

    assert engine.state == "failed"
    assert (await accepted).batch_rows == 1


async def test_a_replaced_model_that_finds_the_device_lost_ends_the_service_too(both, engine):
    model = engine.model("toy")
    model.worker.inline_rows = 0
    accepted = [engine.submit(model, DEADLY_ROW) for _ in range(3)]

    await both[0].state.repository.unload("toy")

    assert {type(error) for error in await results(*accepted)} <= {ComputeFailed, Unavailable}
    assert engine.state == "failed"
    assert engine.requests.accepted == engine.requests.answered == 3


async def test_a_device_that_is_lost_while_a_model_is_loaded_ends_the_service(
    both, engine, toy_store, monkeypatch
):
    def infer(*_: object) -> None:
        raise DeviceLost(gpu.LOSS)

    toy_store.publish("toy", toy_store.load("toy").weights, origin=toys.ORIGIN)
    monkeypatch.setattr(gpu.StandIn, "infer", infer)

    with pytest.raises(LoadFailed, match="'toy' cannot be loaded: the device failed"):
        await both[0].state.repository.load("toy")
    assert engine.state == "failed"


PROGRAM = """
import sys
import pytest
from service import server
from service.cli.main import main
from tests.service import gpu
gpu.install(pytest.MonkeyPatch())
server.FAILURE_GRACE_S = 1
sys.argv = ["fff-serve", *sys.argv[1:], "--device", "cuda"]
main()
"""


class ServiceOnGpu(toys.LiveService):
    """The real command with the stand-in."""

    command = [sys.executable, "-c", PROGRAM]


async def ask_until_refused(
    client: httpx.AsyncClient, model: str, rows: np.ndarray, statuses: list[int]
) -> None:
    """Ask again after each 200."""
    while not statuses or statuses[-1] == 200:
        try:
            answer = await client.post(
                f"/v1/models/{model}/predict", json={"inputs": rows.tolist()}
            )
        except httpx.HTTPError:
            return  # closed before it was accepted
        statuses.append(answer.status_code)


async def test_the_process_ends_with_1_and_one_line_once_everybody_is_answered(toy_store):
    """Under load, and with a client that has sent half a request and sends no more."""
    statuses: list[int] = []
    rows = np.repeat(ROW, 8, axis=0)
    service = ServiceOnGpu("--store", str(toy_store.root))
    host, port = service.url.removeprefix("http://").split(":")
    _, half = await asyncio.open_connection(host, int(port))
    half.write(f"POST {PREDICT} HTTP/1.1\r\nContent-Length: 99\r\n\r\n{{".encode())

    async with httpx.AsyncClient(base_url=service.url, timeout=30) as client:
        asking = [
            asyncio.create_task(ask_until_refused(client, model, rows, statuses))
            for model in ("toy", "toy-dense") * 8
        ]
        while len(statuses) < 100:
            await asyncio.wait(asking, timeout=0.01)
        await ask_until_refused(client, "toy", DEADLY_ROW, statuses)
        await asyncio.gather(*asking)
    code = await asyncio.to_thread(service.process.wait, 30)
    service.stop()
    half.close()

    assert code == 1
    assert service.log[-1] == f"fff-serve: the device is lost: {gpu.LOSS}"
    assert 500 in statuses
    assert {*statuses} <= {200, 500, 503}
    (last,) = [line for line in service.log if "stopped: accepted" in line]
    accepted, answered = map(int, re.findall(r"(?:accepted|answered) (\d+)", last))
    assert accepted == answered
