"""
A law over moments: whenever a stop signal comes, the process ends with 0, all accepted answered.

Moments are drawn at random: of the start, by the processor time it has taken; of serving, by
answers; of an upload and a download, by bytes. Some services are process 1 of a namespace. More
moments: `STOP_MOMENTS=50 python -m pytest tests/service/test_stop_at_any_moment.py`.
"""

import contextlib
import http.client
import json
import os
import random
import signal
import threading
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.service import toys
from tests.service.stopping import (
    MUCH,
    AsProcess1,
    Starting,
    ask_for_much,
    publish_wide,
    read_to_the_end,
    require_namespaces,
    starting,
)

COUNT = int(os.environ.get("STOP_MOMENTS", "12"))
START_S = 2.5  # of processor time, about what a start takes; less on a fast machine
PREDICT = "/v1/models/toy/predict"
BODY = json.dumps({"inputs": [[0.5] * toys.WIDTH] * 1000})


class Moment(NamedTuple):
    """
    When a signal comes.

    Attributes:
        amid: What the service is doing.
        share: How much of it is done, 0 to 1.
        number: The signal.
        process_1: Whether the service is the first process of a namespace.
    """

    amid: str
    share: float
    number: signal.Signals
    process_1: bool

    def __str__(self) -> str:
        where = "-as-process-1" if self.process_1 else ""
        return f"{self.number.name}-at-{self.share:.2f}-of-{self.amid}{where}"


def moments(count: int) -> Iterator[Moment]:
    chance = random.Random(0)
    for k in range(count):
        amid = ("start", "serving", "start", "upload", "start", "download")[k % 6]
        number = chance.choice([signal.SIGTERM, signal.SIGTERM, signal.SIGINT])
        yield Moment(amid, chance.random(), number, k % 5 == 2)


@pytest.mark.parametrize("moment", [*moments(COUNT)], ids=str)
def test_it_ends_with_0_and_everything_accepted_is_answered(toy_store, moment):
    if moment.process_1:
        require_namespaces()
    if moment.amid == "download":
        publish_wide(toy_store)

    kind = AsProcess1 if moment.process_1 else Starting
    with starting("--store", toy_store.root, kind=kind) as service:
        answered = STOPS[moment.amid](service, moment)
        code = service.end()

    assert code == 0, service.log
    assert not [line for line in service.log if "Traceback" in line]
    if any("stopped: accepted" in line for line in service.log):
        assert service.counted == (answered, answered)
    else:
        assert answered == 0
        assert not [line for line in service.log if "ready on " in line]


def stop_amid_start(service: Starting, moment: Moment) -> int:
    service.until_it_handles_signals()
    service.until(
        lambda: service.processor_s >= moment.share * START_S or service.said("ready on ")
    )
    service.send(moment.number)
    return 0


def stop_amid_serving(service: Starting, moment: Moment) -> int:
    service.until_said("ready on ")
    statuses: list[int] = []
    asking = [threading.Thread(target=_ask, args=(service, statuses)) for _ in range(4)]
    for thread in asking:
        thread.start()
    service.until(lambda: len(statuses) >= moment.share * 400)
    service.send(moment.number)
    for thread in asking:
        thread.join()
    assert {*statuses} <= {200, 503}
    return statuses.count(200)


def stop_amid_upload(service: Starting, moment: Moment) -> int:
    service.until_said("ready on ")
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: toy\r\nContent-Length: {len(BODY)}\r\n\r\n"
    request = (head + BODY).encode()
    sent = round(moment.share * len(request))
    client = service.connect(request[:sent])
    service.send(moment.number)
    with contextlib.suppress(ConnectionError):
        client.sendall(request[sent:])
    answer = read_to_the_end(client)
    assert not answer or answer.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 503 "))
    return answer.count(b"HTTP/1.1 200 ")


def stop_amid_download(service: Starting, moment: Moment) -> int:
    service.until_said("ready on ")
    client = ask_for_much(service)
    read = 0
    while read < moment.share * MUCH:
        read += len(client.recv(65536))
    service.send(moment.number)
    read += len(read_to_the_end(client))
    assert read > MUCH
    return 1


STOPS = {
    "start": stop_amid_start,
    "serving": stop_amid_serving,
    "upload": stop_amid_upload,
    "download": stop_amid_download,
}


def _ask(service: Starting, statuses: list[int]) -> None:
    """Ask until refused, or until the connection closes before a request was accepted."""
    connection = http.client.HTTPConnection(*service.address, timeout=60)
    with contextlib.suppress(ConnectionError, http.client.HTTPException):
        while not statuses or statuses[-1] == 200:
            connection.request("POST", PREDICT, BODY)
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
    connection.close()
