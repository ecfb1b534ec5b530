"""The composition root: the only place that builds, and starts and stops what it built."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from model_store.store import DEMO_STORE, Store
from service.engine.engine import Engine
from service.engine.repository import Repository
from service.errors import ServiceError
from service.http.asgi_path import answer_prediction
from service.http.disconnect import INTERNAL_ERROR, error_response, json_response
from service.http.prediction import Predictions, target_of
from service.http.routes_inspection import InspectionRoutes
from service.http.routes_operations import OperationsRoutes
from service.http.routes_repository import RepositoryRoutes
from service.http.routes_v1 import PlainRoutes
from service.http.routes_v2 import ProtocolRoutes
from service.metrics.registry import Metrics
from service.request_id import HEADER, begin
from service.settings import Settings, SettingsError
from service.shadow.task import Shadows
from service.tracing.timeline import Trails

if TYPE_CHECKING:
    from service.grpc.server import GrpcServer

log = logging.getLogger(__name__)

DESCRIPTION = """
Trained Fast Feedforward networks, with the dense baseline beside each.
Content-Type is never required. Every error is `{"error": "what was expected and what came"}`.
"""


class Application(FastAPI):
    """FastAPI, with the short way of predictions in front of it."""

    predictions: Predictions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        target = target_of(scope["path"]) if scope.get("method") == "POST" else None
        if target is not None:
            await answer_prediction(self.predictions, target, scope, receive, send)
        elif scope["type"] == "http":
            await super().__call__(scope, receive, _echoing_its_id(scope, send))
        else:
            await super().__call__(scope, receive, send)


def create_app(
    settings: Settings, on_started: Callable[[Exception | None], None] | None = None
) -> Application:
    """
    Build the application.

    Models load in the background, so that probes are answered meanwhile.

    Args:
        settings: How to serve.
        on_started: Told once, None when ready, or why models cannot be loaded; readiness then
            stays 503. Without it that exception is raised.
    """
    metrics = Metrics(settings.max_batch_rows, settings.leaf_series_limit)
    engine = Engine(settings, Store(settings.store or DEMO_STORE), metrics)
    shadows = None
    if settings.shadow_ratio:
        shadows = Shadows(settings, engine.store.root, engine.served, metrics.registry)
        engine.observer = shadows
    repository = Repository(engine)

    package_version = version("fff-serve")
    trails = _trails(settings, package_version)

    async def start() -> None:
        failure = None
        try:
            if grpc_server is not None:
                await grpc_server.start()
            await engine.start()
        except Exception as exc:
            log.debug("start failed", exc_info=exc)
            if on_started is None:
                raise
            failure = exc
        if on_started is not None:
            on_started(failure)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.starting = asyncio.create_task(start())
        yield
        await app.state.starting
        await engine.stop()
        if shadows is not None:
            await shadows.stop()
        if grpc_server is not None:
            await grpc_server.stop()
        if trails is not None:
            await trails.stop()

    grpc_server = _grpc_server(engine, repository, package_version, trails)
    app = Application(
        title="fff-serve", version=package_version, description=DESCRIPTION, lifespan=lifespan
    )
    app.state.engine = engine
    app.state.repository = repository
    app.state.shadows = shadows
    app.state.grpc_server = grpc_server
    app.include_router(PlainRoutes(engine, shadows).router())
    app.include_router(InspectionRoutes(engine).router())
    app.include_router(ProtocolRoutes(engine, package_version).router())
    app.include_router(RepositoryRoutes(repository, settings.admin_key).router())
    app.include_router(OperationsRoutes(engine).router())
    app.predictions = Predictions(engine, trails)
    _answer_every_error_as_json(app)
    return app


def _grpc_server(
    engine: Engine, repository: Repository, package_version: str, trails: Trails | None
) -> "GrpcServer | None":
    if engine.settings.grpc_port is None:
        return None
    try:
        from service.grpc.server import GrpcServer
    except ModuleNotFoundError as exc:
        if not str(exc.name).startswith(("grpc", "google")):
            raise
        raise SettingsError(
            "setting grpc_port (FFF_GRPC_PORT) needs gRPC: pip install 'fff-serve[grpc]'"
        ) from exc
    return GrpcServer(engine, repository, package_version, trails)


def _trails(settings: Settings, package_version: str) -> Trails | None:
    if not settings.otlp_endpoint:
        return Trails() if log.isEnabledFor(logging.DEBUG) else None
    try:
        from service.tracing.otlp import Tracing
    except ModuleNotFoundError as exc:
        if not str(exc.name).startswith("opentelemetry"):
            raise
        raise SettingsError(
            f"setting otlp_endpoint (FFF_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT, got "
            f"{settings.otlp_endpoint!r}) needs OpenTelemetry: pip install 'fff-serve[otel]'; "
            "FFF_OTLP_ENDPOINT= turns it off"
        ) from exc
    return Tracing(settings.otlp_endpoint, package_version)


def _echoing_its_id(scope: Scope, send: Send) -> Send:
    sent = next((value for name, value in scope["headers"] if name == HEADER), b"")
    request_id = begin(sent)

    async def echo(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (HEADER, request_id)]
        await send(message)

    return echo


def _answer_every_error_as_json(app: FastAPI) -> None:
    async def service_error(_: Request, exc: Exception) -> Response:
        assert isinstance(exc, ServiceError)
        return error_response(exc)

    async def http_error(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, HTTPException)
        path = request.url.path
        text = {
            404: f"no such path: {path}; see /docs",
            405: f"{path} does not take {request.method}; see /docs",
        }.get(exc.status_code, exc.detail)
        return json_response({"error": text}, exc.status_code, exc.headers)

    async def invalid(_: Request, exc: Exception) -> Response:
        assert isinstance(exc, RequestValidationError)
        text = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors())
        return json_response({"error": text}, 400)

    async def our_bug(_: Request, __: Exception) -> Response:
        # Starlette logs the traceback; none of it leaves the service.
        return json_response({"error": INTERNAL_ERROR}, 500)

    app.add_exception_handler(ServiceError, service_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, our_bug)
