"""Whose connections a client's are: after its end, in other processes, in other event loops."""

import asyncio
import contextlib
import copy
import os
import pickle
from collections.abc import Callable

import numpy as np
import pytest
from fff_client import (
    AsyncClient,
    Client,
    DeadlinePassed,
    NotReachable,
    Overloaded,
    RequestRefused,
    ServiceError,
)

from tests.client.scripted import prediction, refused, scripted

ROW = np.zeros((1, 4), np.float32)


def test_a_closed_client_says_so():
    with Client() as client:
        pass

    for use in (lambda: client.predict("m", ROW), client.ready, client.__enter__):
        with pytest.raises(RuntimeError, match=r"Client\('http://127.0.0.1:8000'\) is closed"):
            use()
    client.close()  # as often as one likes


async def test_a_closed_asynchronous_client_says_so():
    async with AsyncClient() as client:
        pass

    with pytest.raises(RuntimeError, match=r"AsyncClient\(.*\) is closed; make another"):
        await client.predict("m", ROW)
    with pytest.raises(RuntimeError, match="is closed"):
        await client.__aenter__()


async def test_a_call_under_way_at_the_end_is_finished_and_leaves_no_connection(url):
    """An open socket that nobody closes is a warning, and so fails."""
    client = AsyncClient(url)
    calls = [asyncio.create_task(client.ready()) for _ in range(4)]
    await asyncio.sleep(0)
    await client.close()

    assert await asyncio.gather(*calls) == [True] * 4
    assert client._idle == []


def in_a_child(program: Callable[[], object]) -> str:
    """Fork, and return what the child's call raised."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            program()
            os.write(writing, b"nothing")
        except BaseException as exc:
            os.write(writing, f"{type(exc).__name__}: {exc}".encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as stream:
        return stream.read()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # from 3.12 on, with threads
def test_a_forked_process_does_not_use_its_parents_connections():
    """Both would read one connection, and each might get the other's answers."""
    with scripted(prediction(), prediction()) as script, Client(script.url) as client:
        client.predict("m", ROW)

        assert "RuntimeError: " in (said := in_a_child(lambda: client.ready()))
        assert "was used in another process; make one in each" in said
        assert client.predict("m", ROW).version == 3


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_client_that_has_sent_nothing_may_be_forked():
    with scripted(prediction()) as script, Client(script.url) as client:
        assert in_a_child(lambda: client.predict("m", ROW)) == "nothing"


def test_an_event_loop_does_not_use_anothers_connections():
    with scripted(prediction(), prediction()) as script:
        client = AsyncClient(script.url)

        async def once() -> None:
            await client.predict("m", ROW)

        with asyncio.Runner() as first:
            first.run(once())
            with (
                asyncio.Runner() as second,
                pytest.raises(RuntimeError, match="another event loop"),
            ):
                second.run(once())
            first.run(client.close())


@pytest.mark.parametrize("of", [pickle.dumps, copy.copy], ids=["pickle", "copy"])
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_client_cannot_be_pickled_and_says_what_to_do(kind, of):
    with contextlib.closing(Client()), pytest.raises(TypeError, match="make one in each process"):
        of(kind())


def test_results_and_errors_can_be_pickled():
    """As process pools do with what their calls return and raise."""
    responses = [prediction(), refused(404, "X-Request-Id: a-1")]
    with scripted(*responses) as script, Client(script.url) as client:
        result = client.predict("m", ROW)
        with pytest.raises(RequestRefused) as raised:
            client.predict("m", ROW)
    errors = (raised.value, NotReachable("m", answering=True), DeadlinePassed("m"), Overloaded("m"))

    same = pickle.loads(pickle.dumps(result))
    assert (same.version, same.logits.tolist()) == (result.version, result.logits.tolist())
    for error in errors:
        again = pickle.loads(pickle.dumps(error))
        assert (repr(again), vars(again)) == (repr(error), vars(error))


def test_an_error_names_its_request():
    with (
        scripted(refused(404, "X-Request-Id: a-1")) as script,
        Client(script.url) as client,
        pytest.raises(ServiceError) as raised,
    ):
        client.predict("m", ROW)

    assert raised.value.request_id == "a-1"
    shown = "RequestRefused('no, said the service', status=404, request_id='a-1')"
    assert repr(raised.value) == shown


def test_a_prediction_and_a_client_are_shown_on_one_line():
    with scripted(prediction()) as script, Client(script.url) as client:
        shown = repr(client.predict("m", ROW))

    assert shown == "Prediction('m', version 3: logits float32[1, 3])"
    assert repr(client) == f"Client('{script.url}')"
