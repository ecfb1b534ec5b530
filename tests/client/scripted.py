"""An HTTP server with responses written by a test, for what a healthy service never does."""

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

LOGITS = np.arange(3, dtype=np.float32)


def response(status: int, body: bytes, *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


def refused(status: int, *headers: str) -> bytes:
    return response(status, b'{"error": "no, said the service"}', *headers)


def prediction(version: str = "3") -> bytes:
    size = {"binary_data_size": LOGITS.nbytes}
    logits = {"name": "logits", "datatype": "FP32", "shape": [1, 3], "parameters": size}
    fields = {"model_name": "m", "model_version": version, "outputs": [logits]}
    head = json.dumps(fields).encode()
    length = f"Inference-Header-Content-Length: {len(head)}"
    timing = "Server-Timing: cdn, queue;dur=2.5, compute;dur=0.125"
    return response(200, head + LOGITS.tobytes(), length, timing)


RESET = b""  # the connection is reset, without a response
SILENCE = b"silence"  # nothing happens until the client leaves


@dataclass
class Scripted:
    """An HTTP server that sends one prepared response a request, and keeps the requests."""

    responses: list[bytes]
    url: str = ""
    connections: int = 0
    requests: list[tuple[str, bytes]] = field(default_factory=list)

    def serve(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):  # closed: the test is over
            while True:
                connection, _ = listening.accept()
                self.connections += 1
                with connection, connection.makefile("rb") as reading:
                    while self._exchange(connection, reading):
                        pass

    def _exchange(self, connection: socket.socket, reading: BinaryIO) -> bool:
        headers: dict[str, str] = {}
        line = reading.readline().decode()
        while (header := reading.readline().strip()) != b"":
            name, _, value = header.decode().partition(": ")
            headers[name.lower()] = value
        if not line:
            return False
        self.requests.append((line.split()[1], reading.read(int(headers.get("content-length", 0)))))
        prepared = self.responses.pop(0)
        if prepared == RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if prepared == SILENCE:
            return bool(reading.read(1))
        connection.sendall(prepared)
        return not prepared.endswith(b"broken off")


@contextlib.contextmanager
def scripted(*responses: bytes) -> Iterator[Scripted]:
    script = Scripted([*responses])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        script.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        serving = threading.Thread(target=script.serve, args=[listening])
        serving.start()
        try:
            yield script
        finally:
            listening.shutdown(socket.SHUT_RDWR)  # wakes it from waiting for a connection
            serving.join()
