"""An HTTP server that answers as a test says, for what a healthy service never does."""

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


def answer(status: int, said: bytes, *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status} x", f"Content-Length: {len(said)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + said


def refused(status: int, *headers: str) -> bytes:
    return answer(status, b'{"error": "no, said the service"}', *headers)


def prediction(version: str = "3") -> bytes:
    size = {"binary_data_size": LOGITS.nbytes}
    logits = {"name": "logits", "datatype": "FP32", "shape": [1, 3], "parameters": size}
    said = {"model_name": "m", "model_version": version, "outputs": [logits]}
    head = json.dumps(said).encode()
    length = f"Inference-Header-Content-Length: {len(head)}"
    timing = "Server-Timing: cdn, queue;dur=2.5, compute;dur=0.125"
    return answer(200, head + LOGITS.tobytes(), length, timing)


RESET = b""  # the connection is reset, and nothing said
SILENCE = b"silence"  # nothing happens until the client leaves


@dataclass
class Scripted:
    """An HTTP server that gives one prepared answer a request, and remembers the requests."""

    answers: list[bytes]
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
        said = self.answers.pop(0)
        if said == RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if said == SILENCE:
            return bool(reading.read(1))
        connection.sendall(said)
        return not said.endswith(b"broken off")


@contextlib.contextmanager
def scripted(*answers: bytes) -> Iterator[Scripted]:
    script = Scripted([*answers])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        script.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        serving = threading.Thread(target=script.serve, args=[listening])
        serving.start()
        try:
            yield script
        finally:
            listening.shutdown(socket.SHUT_RDWR)  # wakes it from waiting for a connection
            serving.join()
