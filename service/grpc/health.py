"""
`grpc.health.v1`: what load balancers, Kubernetes' gRPC probes and clients ask before they send.

Covered:      Check and Watch of the service ("" or its full name) and of each model by its name.
Not covered:  liveness: a service that does not answer is not alive. `ServerLive` says the rest.

A Watch looks once in a while rather than being told: whatever makes a model ready or not, a load,
an unload, a drain, is then seen without knowing of it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from grpc_health.v1 import health_pb2, health_pb2_grpc

from service.engine.engine import Engine
from service.errors import ModelNotServed, Unavailable
from service.grpc.schema import SERVICE
from service.grpc.status import end_with

WATCH_INTERVAL_S = 0.5  # a probe of Kubernetes looks every 10 s, a balancer every second or so

_Status = health_pb2.HealthCheckResponse


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # of a package without types
    """
    Answers health checks.

    Args:
        engine: Has the models, and says whether it is ready.
    """

    def __init__(self, engine: Engine):
        self._engine = engine
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Tell those who watch, and end their calls."""
        self._stopping.set()

    async def Check(self, request: Any, context: Any) -> Any:
        """Say whether a service serves; NOT_FOUND if there is none of that name."""
        status = self._status(request.service)
        if status == _Status.SERVICE_UNKNOWN:
            known = ", ".join(["''", SERVICE, *self._engine.models])
            await end_with(
                context, ModelNotServed(f"service {request.service!r} is unknown; known: {known}")
            )
        return _Status(status=status)

    async def Watch(self, request: Any, _: Any) -> AsyncIterator[Any]:
        """Say so at once, and again whenever it changes."""
        said = None
        while True:
            last = self._stopping.is_set()
            status = self._status(request.service)
            if status != said:
                yield _Status(status=status)
                said = status
            if last:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(WATCH_INTERVAL_S):
                    await self._stopping.wait()

    def _status(self, service: str) -> int:
        if service not in ("", SERVICE):
            try:
                self._engine.model(service)
            except ModelNotServed:
                return int(_Status.SERVICE_UNKNOWN)
            except Unavailable:
                return int(_Status.NOT_SERVING)
        name = service if service not in ("", SERVICE) else None
        ready = self._engine.unready(name) is None
        return int(_Status.SERVING if ready else _Status.NOT_SERVING)
