"""Work that nobody waits for any more: given up when its client leaves."""

import asyncio
from typing import TypeVar

from starlette.types import Receive

from service.errors import Disconnected

T = TypeVar("T")


async def while_connected(receive: Receive, work: "asyncio.Future[T]") -> T:
    """
    Wait for work, but not longer than the client does.

    The body must have been read: after it, the only message left is the disconnect.

    Raises:
        Disconnected: If the client left first; the work is cancelled.
    """
    left = asyncio.ensure_future(_receive(receive))
    left.add_done_callback(lambda _: work.cancel())
    try:
        return await work
    except asyncio.CancelledError:
        if left.done():
            raise Disconnected("the client left while its rows were queued") from None
        raise
    finally:
        left.cancel()


async def _receive(receive: Receive) -> None:
    await receive()
