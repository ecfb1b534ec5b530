"""
The gRPC port: grpc's asyncio server in the service's own event loop.

Covered:      calls to `inference` and `operations` and back, errors to statuses, health,
              reflection, a clean stop.
Not covered:  TLS. It listens where HTTP does.

Only `service.app` imports this, and only with a port: grpcio is optional.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import grpc
from google.protobuf.json_format import ParseDict
from grpc_health.v1 import health_pb2_grpc

from service.engine.engine import Engine
from service.engine.prediction import Timeline
from service.engine.repository import Repository
from service.errors import INTERNAL_ERROR, ComputeFailed, ServiceError, Unavailable
from service.grpc.health import Health
from service.grpc.inference import InferenceService
from service.grpc.operations import Operation, Operations
from service.grpc.port import bracketed, listen, server_options
from service.grpc.reflection import add_reflection
from service.grpc.schema import SERVICE, Call, load_schema
from service.grpc.status import end_with, metadata_of
from service.grpc.wire import Received, read_message
from service.request_id import HEADER, begin
from service.tracing.timeline import Timelines

log = logging.getLogger(__name__)

GRACE_S = 3.0  # for answers under way to leave, once the engine has given them all; `shutdown`

_LISTS = ("ModelStatistics", "RepositoryIndex")
"""Calls whose answer is as long as there are models."""

Handler = Callable[[Any, Any], Awaitable[Any]]


class GrpcServer:
    """
    Answers gRPC calls.

    Args:
        engine: Computes the rows.
        repository: Lists, loads and unloads models.
        server_version: The package's, as clients read it.
        timelines: Begins one for every inference; None where nobody traces.
    """

    def __init__(
        self,
        engine: Engine,
        repository: Repository,
        server_version: str,
        timelines: Timelines | None = None,
    ):
        self.port = 0
        self._settings = engine.settings
        self._timelines, self._offload = timelines, engine.offload
        self._schema = load_schema()
        self._service = InferenceService(engine, self._schema.messages["ModelInferResponse"])
        self._operations = Operations(engine, repository, server_version).by_call()
        self._stream_response = self._schema.messages["ModelStreamInferResponse"]
        self._health = Health(engine)
        self._idle_streams: set[asyncio.Task[Any]] = set()
        self._server: Any = None

    async def start(self) -> None:
        """
        Listen.

        Raises:
            PortUnavailable: Naming the address.
        """
        server = grpc.aio.server(options=server_options(self._settings.max_body_bytes))
        handlers = {name: self._handler(call) for name, call in self._schema.calls.items()}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        add_reflection(server, self._schema)
        host = self._settings.host
        self.port = listen(server, host, self._settings.grpc_port or 0)
        await server.start()
        self._server = server
        log.info("gRPC listens on %s", self.address)

    @property
    def address(self) -> str:
        """Where it listens, as clients are given it."""
        return f"{bracketed(self._settings.host)}:{self.port}"

    async def stop(self) -> None:
        """Let the last answers leave, end the streams, close. The engine has been stopped."""
        if self._server is None:
            return
        server, self._server = self._server, None
        self._health.stop()
        for stream in self._idle_streams:
            stream.cancel()
        await server.stop(GRACE_S)

    def _handler(self, call: Call) -> Any:
        make = (
            grpc.stream_stream_rpc_method_handler
            if call.streams
            else grpc.unary_unary_rpc_method_handler
        )
        inference: dict[str, Handler] = {
            "ModelInfer": self._infer,
            "ModelStreamInfer": self._stream,
        }
        return make(
            inference.get(call.name) or self._operation(self._operations[call.name], call),
            request_deserializer=partial(read_message, call),
            response_serializer=call.response.SerializeToString,
        )

    def _operation(self, operation: Operation, call: Call) -> Handler:
        async def handle(request: Any, context: Any) -> Any:
            begin(_metadata_value(context, HEADER.decode()) or b"")
            try:
                content = await operation(
                    _require_message(request).message, _metadata_value(context, "authorization")
                )
            except ServiceError as error:
                await end_with(context, error)
                raise
            except Exception:  # grpc would send its text to the client
                log.exception("%s failed", call.name)
                await end_with(context, ComputeFailed(INTERNAL_ERROR))
                raise
            # What REST alone says is left out.
            fill = partial(ParseDict, content, call.response(), ignore_unknown_fields=True)
            return await self._offload.run(fill) if call.name in _LISTS else fill()

        return handle

    def _begin(self, method: str, context: Any) -> Timeline | None:
        """Give the request its id, and a timeline where somebody traces."""
        request_id = begin(_metadata_value(context, HEADER.decode()) or b"")
        if self._timelines is None:
            return None
        headers = [(name.encode(), _bytes(value)) for name, value in context.invocation_metadata()]
        return self._timelines.grpc(f"{SERVICE}/{method}", headers, request_id)

    async def _infer(self, request: Any, context: Any) -> Any:
        timeline = self._begin("ModelInfer", context)
        try:
            received = _require_message(request)
            reply = await self._service.infer(received, context.time_remaining, timeline)
        except ServiceError as error:
            await end_with(context, error)
            raise
        context.set_trailing_metadata(metadata_of(reply.model, reply.answer))
        return reply.message

    async def _stream(self, _: Any, context: Any) -> None:
        """Answer a stream's requests in their order; an error is an answer and ends nothing."""
        while (request := await self._next(context)) is not grpc.aio.EOF:
            await context.write(await self._stream_answer(request, context))

    async def _next(self, context: Any) -> Any:
        """Wait for a stream's next request, but not when the service stops."""
        this = asyncio.current_task()
        assert this is not None
        self._idle_streams.add(this)
        try:
            if self._server is not None:
                return await context.read()
        except asyncio.CancelledError:
            if self._server is not None or context.done():  # then it was the client
                raise
        finally:
            self._idle_streams.discard(this)
        await end_with(context, Unavailable("the service is stopping"))

    async def _stream_answer(self, request: Any, context: Any) -> Any:
        timeline = self._begin("ModelStreamInfer", context)
        response = self._stream_response()
        try:
            received = _require_message(request)
            reply = await self._service.infer(received, context.time_remaining, timeline)
        except ServiceError as error:
            response.error_message = str(error)
            if isinstance(request, Received):
                response.infer_response.id = request.message.id  # which of the stream's it was
        else:
            response.infer_response.CopyFrom(reply.message)
        return response


def _metadata_value(context: Any, name: str) -> bytes | None:
    """A value of the call's metadata, or None."""
    value = dict(context.invocation_metadata()).get(name)
    return None if value is None else _bytes(value)


def _bytes(value: str | bytes) -> bytes:
    return value.encode("latin-1") if isinstance(value, str) else value


def _require_message(request: Received | ServiceError) -> Received:
    if isinstance(request, ServiceError):
        raise request
    return request
