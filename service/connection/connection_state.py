"""What the connections of one server share."""

from uvicorn.server import ServerState


class ConnectionState(ServerState):
    """
    uvicorn's, and whether the service stops.

    A client that reads `Connection: close` sends its next request elsewhere. One whose idle
    connection is closed may have sent a request into it at the same moment.

    Attributes:
        closing: Whether answers close their connections.
    """

    closing = False
