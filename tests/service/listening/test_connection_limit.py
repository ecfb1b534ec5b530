"""More clients than there may be: who goes, who gets in, and what is seen of it."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

from service.listening.connection_limit import FOR_PROBES
from service.listening.probe_protocol import PROBES
from service.listening.tls import server_context
from service.settings import Settings
from tests.service import toys
from tests.service.listening.certificates import make_certificate
from tests.service.listening.listeners import Client, Port, get, listening, post

PREDICT = "/v1/models/toy/predict"
BODY = json.dumps({"inputs": [[0.5] * toys.WIDTH]}).encode()
MOST = 4


@contextlib.asynccontextmanager
async def all_busy(store: Path) -> AsyncIterator[tuple[Port, list[Client]]]:
    """A service all of whose connections are amid a request; and their clients."""
    async with listening(MOST, store=store) as port:
        clients = [await port.accepted() for _ in range(MOST)]
        for client in clients:
            assert (await client.ask(get("/readyz")))[0] == 200
            await client.send(post(PREDICT, BODY)[:-1])
        # Those who are not accepted as usual know that the others' requests have been read.
        while not port.shed("not_a_probe"):
            other = await port.connect()
            await other.ask(post("/readyz", b""))
            other.leave()
        yield port, clients


async def test_the_connection_that_was_idle_the_longest_goes_for_a_new_one(toy_store):
    """One that never said a word is idle since it was opened, another since its last answer."""
    async with listening(MOST, store=toy_store.root) as port:
        spoke, *silent = [await port.accepted() for _ in range(MOST)]
        assert (await spoke.ask(get("/readyz")))[0] == 200
        for nth, gone in enumerate([*silent, spoke]):
            newcomer = await port.connect()
            assert (await newcomer.ask(post(PREDICT, BODY)))[0] == 200
            assert await gone.until_closed() == b""
            assert all(client.open for client in [*silent, spoke][nth + 1 :])
        assert port.shed("idle") == MOST


async def test_a_request_under_way_is_never_cut_short(toy_store):
    async with all_busy(toy_store.root) as (port, clients):
        for _ in range(3):
            newcomer = await port.connect()
            assert (await newcomer.ask(post(PREDICT, BODY)))[0] == 503
        for client in clients:
            assert (await client.ask(BODY[-1:]))[0] == 200


async def test_probes_and_scrapers_get_in_when_everybody_else_is_busy(toy_store):
    """One answer each; the connection ends with it."""
    async with all_busy(toy_store.root) as (port, _):
        for path in PROBES:
            probe = await port.connect()
            await probe.send(get(path.decode() + "?x=1"))
            answer = await probe.until_closed()
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"connection: close" in answer.lower()


async def test_whoever_asks_for_something_else_there_is_told_when_to_come_back(toy_store):
    async with all_busy(toy_store.root) as (port, _):
        before = port.shed("not_a_probe")
        for request in (post(PREDICT, BODY), get("/v1/models"), post("/readyz", b"")):
            other = await port.connect()
            await other.send(request * 2)
            answer = await other.until_closed()
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert answer.count(b"HTTP/1.1") == 1
            assert b"retry-after: 1\r\n" in answer
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"].startswith("as many clien")
        assert port.shed("not_a_probe") == before + 3


async def test_silent_connections_do_not_keep_probes_out(toy_store):
    """Nor from what is kept for probes: whoever has had the time to ask there gives way too."""
    async with all_busy(toy_store.root) as (port, _):
        for _ in range(2 * FOR_PROBES):
            await port.connect()
        answer = b""
        while not answer:
            probe = await port.connect()
            await probe.send(get("/readyz"))
            answer = await probe.until_closed()
        assert answer.startswith(b"HTTP/1.1 200 ")


async def test_handshakes_that_do_not_end_keep_nobody_out(toy_store, tmp_path):
    certificate, key = make_certificate(tmp_path)
    tls = server_context(Settings(ssl_certfile=certificate, ssl_keyfile=key))
    trusted = ssl.create_default_context(cafile=certificate)
    async with listening(MOST, tls, store=toy_store.root) as port:
        silent = [await port.connect() for _ in range(MOST + FOR_PROBES)]
        answered = 0
        while not answered:
            with contextlib.suppress(OSError):  # refused until the others have had their time
                client = await port.connect(trusted)
                answered, _ = await client.ask(post(PREDICT, BODY))

        assert answered == 200
        assert await silent[0].until_closed() == b""
        assert port.shed("idle") >= 1


async def test_the_log_says_once_that_the_limit_is_reached_and_once_that_there_is_room(
    toy_store, caplog
):
    caplog.set_level("INFO", logger="service.listening.connection_limit")
    async with listening(MOST, store=toy_store.root) as port:
        for _ in range(MOST):
            await port.accepted()
        for _ in range(3):
            assert (await (await port.connect()).ask(get("/readyz")))[0] == 200
        port.leave()
        while port.open:
            await asyncio.sleep(0)
        assert (await (await port.connect()).ask(get("/readyz")))[0] == 200

    reached, room = [r.getMessage() for r in caplog.records if "connection_limit" in r.name]
    assert reached.startswith("4 connections are open, as many as max_connections allows")
    assert room == "0 connections are open: there is room again"
