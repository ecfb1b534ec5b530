"""The composition root: the only place that builds, and starts and stops what it built."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fff.extras import needs_extra
from model_store.errors import CacheUnusable, LocationInvalid
from model_store.opening import open_store
from model_store.remote.url import redacted
from model_store.store import Store
from service.engine.engine import Engine
from service.engine.processors import warn_of_too_many_threads
from service.engine.repository import Repository
from service.http.asgi_path import answer_prediction
from service.http.body import Bodies
from service.http.error_handlers import add_error_handlers
from service.http.prediction import Predictions
from service.http.proxies import add_prefix, relative_redirects, with_proxies_and_origins
from service.http.rendering import Renderer
from service.http.routes_docs import add_docs
from service.http.routes_inspection import InspectionRoutes
from service.http.routes_operations import OperationsRoutes
from service.http.routes_repository import RepositoryRoutes
from service.http.routes_v1 import PlainRoutes
from service.http.routes_v2 import ProtocolRoutes
from service.metrics.closed_connections import ClosedConnections
from service.metrics.registry import Metrics
from service.request_id import HEADER, begin
from service.settings import Settings, SettingsError
from service.shadow.task import Shadows
from service.tracing.timeline import Timelines

if TYPE_CHECKING:
    from service.grpc.server import GrpcServer

log = logging.getLogger(__name__)

DESCRIPTION = """
Trained Fast Feedforward networks, with the dense baseline beside each.
Content-Type is never required. Every error is `{"error": "what was expected and what came"}`.
"""


class Application(FastAPI):
    """
    FastAPI, with predictions answered before its routing.

    Attributes:
        predictions: Begins those that come by ASGI, and those that do not.
        closed_connections: Counts what the HTTP protocol closes.
        prefix: The setting `root_path`. Paths are routed with it and without it.
        outermost: What a request meets first: `answer`, or middleware around it.
    """

    predictions: Predictions
    closed_connections: ClosedConnections
    prefix: str
    outermost: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.outermost(scope, receive, send)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        post = scope.get("method") == "POST"
        target = self.predictions.target_of(scope["path"]) if post else None
        if target is not None:
            await answer_prediction(self.predictions, target, scope, receive, send)
        elif scope["type"] == "http":
            if scope["method"] == "HEAD":  # as GET, whose body uvicorn leaves out
                scope = {**scope, "method": "GET"}
            add_prefix(scope, self.prefix)
            send = _with_request_id(scope, relative_redirects(scope, send))
            await super().__call__(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(
    settings: Settings,
    on_ready: Callable[[], None] | None = None,
    on_failure: Callable[[Exception], None] | None = None,
) -> Application:
    """
    Build the application.

    Models load in the background, so that probes are answered meanwhile.

    Args:
        settings: Of the service, from `load_settings`.
        on_ready: Called once, when models are loaded and served.
        on_failure: Called with what the service cannot go on with, for readiness stays 503 then:
            why models cannot be loaded, without this raised; or `DeviceLost`.

    Raises:
        SettingsError: A setting that needs an extra which is not installed, or names no store.
    """
    if settings.ignored:
        log.info("ignoring Kubernetes' own variables: %s", ", ".join(settings.ignored))
    warn_of_too_many_threads(settings)
    package_version = _package_version()
    metrics = Metrics(settings.max_batch_rows, settings.leaf_series_limit)
    engine = Engine(settings, _store(settings), metrics)
    repository = Repository(engine)
    shadows = _shadows(engine)
    engine.on_lost = on_failure
    timelines = _timelines(settings, package_version)
    grpc_server = _grpc_server(engine, repository, package_version, timelines)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.starting = asyncio.create_task(_start(engine, grpc_server, on_ready, on_failure))
        yield
        app.state.starting.cancel()  # until it has ended nothing is accepted
        with suppress(asyncio.CancelledError):
            await app.state.starting
        await engine.stop()
        ports = [part.stop() for part in (shadows, grpc_server) if part is not None]
        await asyncio.gather(*ports)
        if timelines is not None:  # has the last spans by now
            await timelines.stop()
        engine.offload.close()

    app = Application(
        title="fff-serve",
        version=package_version,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # ours works without internet
        redoc_url=None,
    )
    app.prefix = settings.root_path
    app.outermost = with_proxies_and_origins(app.answer, settings)
    app.state.engine, app.state.repository = engine, repository
    app.state.shadows, app.state.grpc_server = shadows, grpc_server
    renderer, bodies = Renderer(), Bodies(engine)
    app.include_router(PlainRoutes(engine, shadows, renderer).router())
    app.include_router(InspectionRoutes(engine, bodies).router())
    app.include_router(ProtocolRoutes(engine, package_version, renderer).router())
    app.include_router(RepositoryRoutes(repository, settings.admin_key).router())
    app.include_router(OperationsRoutes(engine, renderer).router())
    app.predictions = Predictions(engine, bodies, timelines)
    app.closed_connections = ClosedConnections(metrics.registry)
    add_docs(app)
    add_error_handlers(app)
    return app


def _package_version() -> str:
    try:
        return version("fff-serve")
    except PackageNotFoundError:  # run from a checkout that nobody has installed
        return "0+unknown"


async def _start(
    engine: Engine,
    grpc_server: "GrpcServer | None",
    on_ready: Callable[[], None] | None,
    on_failure: Callable[[Exception], None] | None,
) -> None:
    try:
        if grpc_server is not None:
            await grpc_server.start()
        await engine.start()
    except Exception as exc:
        log.debug("start failed", exc_info=exc)
        if on_failure is None:
            raise
        on_failure(exc)
        return
    if on_ready is not None and engine.state == "ready":  # a stop may have come first
        on_ready()


def _store(settings: Settings) -> Store:
    try:
        return open_store(settings.store, log.warning)
    except (LocationInvalid, CacheUnusable) as exc:
        raise SettingsError(f"{settings.named('store')}: {exc}") from exc


def _shadows(engine: Engine) -> Shadows | None:
    if not engine.settings.shadow_ratio:
        return None
    registry = engine.metrics.registry
    shadows = Shadows(engine.settings, engine.store.root, engine.served, registry)
    engine.observer = shadows
    return shadows


def _grpc_server(
    engine: Engine, repository: Repository, package_version: str, timelines: Timelines | None
) -> "GrpcServer | None":
    settings = engine.settings
    if settings.grpc_port is None:
        return None
    try:
        from service.grpc.server import GrpcServer
    except ModuleNotFoundError as exc:
        if not str(exc.name).startswith(("grpc", "google")):
            raise
        raise SettingsError(needs_extra(settings.named("grpc_port"), "grpc")) from exc
    return GrpcServer(engine, repository, package_version, timelines)


def _timelines(settings: Settings, package_version: str) -> Timelines | None:
    if not settings.otlp_endpoint:
        return Timelines() if log.isEnabledFor(logging.DEBUG) else None
    try:
        from service.tracing.otlp import Tracing
    except ModuleNotFoundError as exc:
        if not str(exc.name).startswith("opentelemetry"):
            raise
        what = f"{settings.named('otlp_endpoint')}, {redacted(repr(settings.otlp_endpoint))},"
        text = f"{needs_extra(what, 'otel')}; FFF_OTLP_ENDPOINT= turns it off"
        raise SettingsError(text) from exc
    return Tracing(settings.otlp_endpoint, package_version)


def _with_request_id(scope: Scope, send: Send) -> Send:
    request_id = begin(dict(scope["headers"]).get(HEADER, b""))

    async def echo(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (HEADER, request_id)]
        await send(message)

    return echo
