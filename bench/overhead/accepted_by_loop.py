"""
`python -m bench.overhead.accepted_by_loop serve …`: the service with connections accepted by libuv.

One a turn of the event loop, as uvicorn leaves it; for `bench.http.accepting`.
"""

import socket

import uvicorn

from service.cli.main import main
from service.listening.listening_server import ListeningServer


async def _startup(self: ListeningServer, sockets: list[socket.socket] | None = None) -> None:
    await uvicorn.Server.startup(self, [*self._listeners])


ListeningServer.startup = _startup  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
