"""How connections are taken from a socket that listens."""

import asyncio
import contextlib
import errno
import socket

import pytest

from service.listening.accepting import MOST_AT_ONCE, Acceptor
from service.listening.connection_limit import ConnectionLimit
from service.listening.sockets import listen_tcp
from tests.service.listening.listeners import get, listening


class Limit(ConnectionLimit):
    """Lets nobody in, and counts."""

    def __init__(self) -> None:
        self.turns: list[int] = []
        self.closed = 0

    @property
    def open(self) -> int:
        return 7

    def begin_turn(self) -> None:
        self.turns.append(0)

    def admit(self) -> None:
        self.turns[-1] += 1

    def close_idle(self, most: int) -> int:
        self.closed += 1
        return 2


class Listener(socket.socket):
    """A socket whose connections cannot be accepted, for want of something."""

    lacks: int | None = None

    def accept(self) -> tuple[socket.socket, object]:
        if self.lacks is not None:
            raise OSError(self.lacks, "there is none")
        return super().accept()


@pytest.fixture
def listener():
    (bound,) = listen_tcp("127.0.0.1", 0)
    with Listener(fileno=bound.detach()) as listener:
        listener.setblocking(False)
        yield listener


def connect(listener: socket.socket, clients: int) -> list[socket.socket]:
    return [socket.create_connection(listener.getsockname()) for _ in range(clients)]


async def until(condition) -> None:
    while not condition():
        await asyncio.sleep(0)


async def test_all_who_wait_are_accepted_in_one_turn_of_the_loop_up_to_a_bound(listener):
    clients, limit = connect(listener, MOST_AT_ONCE + 5), Limit()

    acceptor = Acceptor(listener, limit)
    await until(lambda: sum(limit.turns) == len(clients))

    assert limit.turns[:2] == [MOST_AT_ONCE, 5]
    acceptor.close()
    for client in clients:
        client.close()


@pytest.mark.parametrize("lacks", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
async def test_without_descriptors_it_waits_frees_some_and_says_so(listener, lacks, caplog):
    """And does not ask again at once: a socket with a waiting client is ready all the time."""
    (client,), limit = connect(listener, 1), Limit()
    listener.lacks = lacks

    acceptor = Acceptor(listener, limit)
    await until(lambda: limit.turns)
    for _ in range(100):
        await asyncio.sleep(0)
    assert (len(limit.turns), limit.closed) == (1, 1)
    listener.lacks = None
    await until(lambda: sum(limit.turns) == 1)

    assert caplog.messages == [
        "cannot accept connections: there is none; 7 are open, 2 idle ones are closed for new ones"
    ]
    acceptor.close()
    client.close()


async def test_after_its_end_nobody_is_accepted(listener):
    acceptor = Acceptor(listener, Limit())
    acceptor.close()
    acceptor.close()

    assert listener.fileno() == -1


async def test_what_came_before_the_connection_was_accepted_is_read_once(toy_store):
    """Whether a request has come by then, or half of it, or nothing."""
    async with listening(100, store=toy_store.root) as port:
        request = get("/readyz")
        for early in range(len(request) + 1):
            client = await port.connect()
            await client.send(request[:early])
            await asyncio.sleep(0)
            assert (await client.ask(request[early:]))[0] == 200


async def test_clients_that_leave_before_they_are_accepted_harm_nobody(toy_store):
    async with listening(100, store=toy_store.root) as port:
        for data in (b"", get("/readyz")[:9], get("/readyz")):
            leaving = await port.connect()
            await leaving.send(data)
            leaving.leave()
        assert (await (await port.connect()).ask(get("/readyz")))[0] == 200
        port.leave()
        await until(lambda: not port.open)


@pytest.mark.parametrize("turns", range(5))
async def test_a_connection_that_is_accepted_while_the_service_stops_is_closed(toy_store, turns):
    """Else the stop would wait until its client goes."""
    async with listening(100, store=toy_store.root) as port:
        with socket.create_connection(("127.0.0.1", port.number)) as late:
            for _ in range(turns):
                await asyncio.sleep(0)
            await port.server.shutdown()
            with contextlib.suppress(ConnectionResetError):  # it was never accepted
                assert late.recv(1) == b""
