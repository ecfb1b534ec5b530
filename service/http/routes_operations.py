"""For operators: liveness, readiness, metrics, and the page at `/`."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from service.engine.engine import Engine
from service.http.rendering import Renderer, Scrapes
from service.http.responses import json_response
from service.page.document import build_page


class OperationsRoutes:
    """
    Handlers of probes and metrics for one engine.

    Args:
        engine: Gives its state and its metrics.
        renderer: Renders the metrics.
    """

    def __init__(self, engine: Engine, renderer: Renderer):
        self._engine = engine
        self._page = build_page()
        self._scrapes = Scrapes(engine.metrics.registry, renderer)

    def router(self) -> APIRouter:
        """Every path, outside `/v1` and `/v2`."""
        router = APIRouter(tags=["Operations"])
        router.add_api_route("/", self.index, response_class=HTMLResponse)
        router.add_api_route("/healthz", self.healthz)
        router.add_api_route("/readyz", self.readyz)
        router.add_api_route("/metrics", self.metrics)
        return router

    async def index(self) -> Response:
        """The page: leaves, tree, latencies and a place to draw a digit, live in a browser."""
        return Response(self._page.html, headers=self._page.headers, media_type="text/html")

    async def healthz(self) -> Response:
        """200 while the event loop answers, every compute thread lives and the device works."""
        healthy = self._engine.healthy
        return json_response({"healthy": healthy}, 200 if healthy else 503)

    async def readyz(self) -> Response:
        """200 once every model is loaded and warm, until one hangs or the service drains."""
        state, reason = self._engine.state, self._engine.unready()
        if reason is None:
            return json_response({"ready": True, "state": state})
        state_shown = "hanging" if state == "ready" else state
        return json_response({"ready": False, "state": state_shown, "error": reason}, 503)

    async def metrics(self, request: Request) -> Response:
        """Every series, in Prometheus' text format or OpenMetrics, as the scraper accepts."""
        wanted = (request.headers.get(name, "") for name in ("accept", "accept-encoding"))
        body, headers = await self._scrapes.scrape(*wanted)
        return Response(body, headers=headers)
