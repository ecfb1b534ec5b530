"""The gRPC port as its users meet it: a process, the blocking client, signals, exit codes."""

import asyncio
import queue
import re
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

from tests.service import toys
from tests.service.grpc import toys as grpc_toys
from tests.service.grpc.toys import ROWS, tensor, wanted


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    store = toys.make_store(tmp_path_factory.mktemp("grpc") / "store")
    with grpc_toys.live("--store", str(store.root)) as running:
        yield running


@pytest.fixture
def client(service):
    with tritonclient.grpc.InferenceServerClient(service[1]) as client:
        yield client


def test_the_blocking_clients_of_both_ports_get_the_same_bits(service, client):
    with tritonclient.http.InferenceServerClient(service[0].url.removeprefix("http://")) as http:
        same = tritonclient.http.InferInput("input", list(ROWS.shape), "FP32")
        same.set_data_from_numpy(ROWS)
        names = ("logits", "probabilities", "class", "leaf", "margin")
        named = [tritonclient.http.InferRequestedOutput(name) for name in names]
        want = http.infer("toy", [same], outputs=named)

    got = client.infer("toy", [tensor(ROWS)], outputs=wanted(*names))

    for name in names:
        np.testing.assert_array_equal(got.as_numpy(name), want.as_numpy(name), strict=True)


def test_callbacks_and_threads_get_their_own_answers(client):
    whole = client.infer("toy", [tensor(ROWS)]).as_numpy("logits")
    answers = queue.Queue[tuple[Any, ...]]()

    def ask(first: int) -> None:
        for k in range(first, len(ROWS), 4):
            client.async_infer(
                "toy",
                [tensor(ROWS[k : k + 1])],
                callback=lambda result, error, k=k: answers.put((k, result, error)),
            )

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    got = [answers.get(timeout=30) for _ in ROWS]
    for thread in threads:
        thread.join()

    for k, result, error in got:
        assert error is None
        np.testing.assert_array_equal(result.as_numpy("logits")[0], whole[k])


def test_a_stream_of_the_blocking_client_is_answered_message_by_message(client):
    answers = queue.Queue[tuple[Any, ...]]()
    client.start_stream(lambda result, error: answers.put((result, error)))

    for k in range(10):
        client.async_stream_infer("toy", [tensor(ROWS[k : k + 1])], request_id=str(k))
    got = [answers.get(timeout=30) for _ in range(10)]
    client.stop_stream()

    assert [result.get_response().id for result, _ in got] == [str(k) for k in range(10)]


async def test_everything_accepted_before_sigterm_is_answered(toy_store):
    """Under load: every answer a client got is one the service counted, and none is lost."""
    answers: list[int] = []
    refusals: list[str] = []

    async def ask_until_refused(client: grpc_toys.Client) -> None:
        while True:
            try:
                result = await client.infer("toy", [tensor(ROWS[:8])])
            except InferenceServerException as refused:
                refusals.append(refused.status())
                return
            answers.append(len(result.as_numpy("logits")))

    with grpc_toys.live("--store", str(toy_store.root)) as (service, address):
        async with grpc_toys.Client(address) as client:
            asking = [asyncio.create_task(ask_until_refused(client)) for _ in range(16)]
            while len(answers) < 200:
                await asyncio.wait(asking, timeout=0.01)
                assert not refusals
            code = await asyncio.to_thread(service.stop)
            await asyncio.gather(*asking)

    (last,) = [line for line in service.log if "accepted" in line]
    accepted, answered = map(int, re.findall(r"(?:accepted|answered) (\d+)", last))
    assert (code, set(answers)) == (0, {8})
    assert accepted == answered == len(answers)
    assert refusals == ["StatusCode.UNAVAILABLE"] * 16


def test_an_open_stream_is_told_and_does_not_hold_up_the_stop(toy_store):
    answers = queue.Queue[tuple[Any, ...]]()
    with (
        grpc_toys.live("--store", str(toy_store.root)) as (service, address),
        tritonclient.grpc.InferenceServerClient(address) as client,
    ):
        client.start_stream(lambda result, error: answers.put((result, error)))
        client.async_stream_infer("toy", [tensor(ROWS[:1])])
        assert answers.get(timeout=30)[1] is None
        code = service.stop()
        _, error = answers.get(timeout=30)

    assert code == 0
    assert "UNAVAILABLE" in str(error)
    assert "the service is stopping" in str(error)  # and not that the grace is over
    assert not [line for line in service.log if "Traceback" in line]


@pytest.mark.parametrize("missing", ["grpc", "grpc_health", "grpc_reflection", "google"])
def test_without_grpcio_only_the_port_is_refused_in_one_line(missing):
    program = f"""
import sys
sys.modules[{missing!r}] = None
import service.server
from service.app import create_app
from service.cli.main import main
from service.settings import Settings
create_app(Settings())
sys.argv = ["fff-serve", "serve", "--port", "0", "--grpc-port", "0"]
main()
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        "fff-serve: setting grpc_port (--grpc-port) needs the extra grpc: "
        'make install EXTRAS=grpc in a checkout, or pip install "fff-serve[grpc]"'
    ]


def test_a_port_in_use_stops_start_up(service):
    port = service[1].rpartition(":")[2]
    arguments = ["serve", "--port", "0", "--grpc-port", port]
    command = [sys.executable, "-c", "from service.cli.main import main; main()", *arguments]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert last == f"fff-serve: gRPC cannot listen on 127.0.0.1:{port}: Address already in use", (
        ended.stderr
    )
    assert "Traceback" not in ended.stderr
