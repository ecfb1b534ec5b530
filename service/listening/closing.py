"""
Connections of a service that stops: each is closed with its next answer.

A client that reads `Connection: close` sends its next request elsewhere. One whose idle connection
is closed may have sent a request into it at the same moment.
"""

from collections.abc import Mapping

from uvicorn.server import ServerState

from service.http.fast_path import FastPathProtocol


class ConnectionState(ServerState):
    """
    What the connections of a server share.

    Attributes:
        closing: Whether answers close their connections.
    """

    closing = False


class ClosingProtocol(FastPathProtocol):
    """The service's HTTP/1.1, which stops keeping connections when it is told to."""

    server_state: ConnectionState

    def begin_request(self, fields: Mapping[bytes, bytes], length: int | None) -> None:
        """Begin a request; its answer is the last of the connection if the service stops."""
        super().begin_request(fields, length)
        if self.server_state.closing:
            self.answer_and_close()

    def answer_and_close(self) -> None:
        """Let the answer under way be the last, if there is one."""
        if self.cycle is not None:
            self.cycle.keep_alive = False
