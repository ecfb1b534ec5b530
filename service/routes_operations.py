"""What operators ask: is it alive, is it ready, what are the numbers."""

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import choose_encoder

from service.answering import json_response
from service.engine import Engine


class OperationsRoutes:
    """
    Handlers of probes and metrics for one engine.

    Args:
        engine: Is asked.
    """

    def __init__(self, engine: Engine):
        self._engine = engine

    def router(self) -> APIRouter:
        """Every path, outside `/v1` and `/v2`."""
        router = APIRouter(tags=["Operations"])
        router.add_api_route("/", self.index)
        router.add_api_route("/healthz", self.healthz)
        router.add_api_route("/readyz", self.readyz)
        router.add_api_route("/metrics", self.metrics)
        return router

    async def index(self) -> Response:
        """Say what this is and where to go on."""
        paths = ("/docs", "/v1/models", "/v2", "/metrics", "/healthz", "/readyz")
        return json_response({"service": "fff-serve", "state": self._engine.state, "see": paths})

    async def healthz(self) -> Response:
        """200 while the event loop answers and every compute thread lives."""
        healthy = self._engine.healthy
        return json_response({"healthy": healthy}, 200 if healthy else 503)

    async def readyz(self) -> Response:
        """200 once every model is loaded and warm, until the service drains."""
        ready = self._engine.state == "ready"
        return json_response({"ready": ready, "state": self._engine.state}, 200 if ready else 503)

    async def metrics(self, request: Request) -> Response:
        """Every series, in Prometheus' text format or OpenMetrics, as the scraper accepts."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self._engine.metrics.registry), media_type=content_type)
