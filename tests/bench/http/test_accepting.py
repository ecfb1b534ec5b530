"""The bench of new connections: its arithmetic, and its clients."""

import asyncio
import threading

import pytest

from bench.http import newcomers
from bench.http.accepting import AcceptingLeg, cell, wait_ms


def test_a_share_of_the_clients_waited_at_most_so_long():
    waits_s = [k / 1000 for k in range(1, 101)]

    assert wait_ms(waits_s, 0.5) == pytest.approx(51)
    assert wait_ms(waits_s, 0.99) == pytest.approx(100)
    assert wait_ms(waits_s, 1.0) == pytest.approx(100)
    assert wait_ms([], 0.5) is None


def test_legs_are_put_together_by_medians_and_sums():
    legs = [
        AcceptingLeg("ours", 512, rate, [wait_s] * 3, unanswered, [wait_s / 10])
        for rate, wait_s, unanswered in ((100.0, 0.1, 0), (300.0, 0.3, 1), (200.0, 0.2, 5))
    ]
    dead = [AcceptingLeg("libuv", 512, 100.0, [], 7)]

    assert cell(legs).requests_per_s == 200
    assert cell(legs).p99_ms == pytest.approx(200)
    assert cell(legs).operations_p99_ms == pytest.approx(20)
    assert (cell(legs).unanswered, cell(legs).clients) == (6, 15)
    assert (cell(dead).p50_ms, cell(dead).unanswered, cell(dead).clients) == (None, 7, 7)


def test_a_client_is_answered_only_by_a_whole_answer_that_says_200():
    """Every third is told 503, and every third hung up on."""
    asked, url, up = [], "", threading.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        status = [b"200 OK", b"503 Unavailable", b""][len(asked) % 3]
        writer.write(status and b"HTTP/1.1 " + status + b"\r\n\r\n")
        writer.close()

    async def serve() -> None:
        nonlocal url
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        up.set()
        async with server:
            while len(asked) < 30:
                await asyncio.sleep(0.01)

    serving = threading.Thread(target=asyncio.run, args=[serve()])
    serving.start()
    up.wait()
    waits = newcomers.ask(url, [newcomers.get(f"{url}/readyz")], 100, 0.3)
    serving.join()

    assert len(waits) == 30
    assert sum(wait is not None for wait in waits) == 10
    assert asked[0].startswith(b"GET /readyz HTTP/1.1\r\n")
