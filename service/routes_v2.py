"""`/v2`: the Open Inference Protocol. Formats are in `service.inference_protocol`."""

from typing import Any

from fastapi import APIRouter, Response

from service.answering import json_response
from service.engine import Engine
from service.inference_protocol import model_metadata

EXTENSIONS = ["binary_tensor_data"]


class ProtocolRoutes:
    """
    Handlers of the protocol for one engine.

    Args:
        engine: Computes.
        server_version: Of this package.
    """

    def __init__(self, engine: Engine, server_version: str):
        self._engine = engine
        self._server_version = server_version

    def router(self) -> APIRouter:
        """Both forms of each path: with a version and without."""
        router = APIRouter(tags=["Open Inference Protocol v2"])
        router.add_api_route("/v2", self.server_metadata)
        router.add_api_route("/v2/health/live", self.live)
        router.add_api_route("/v2/health/ready", self.ready)
        for model in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
            router.add_api_route(model, self.model_metadata)
            router.add_api_route(f"{model}/ready", self.model_ready)
            router.add_api_route(f"{model}/infer", self.infer, methods=["POST"])
        return router

    async def server_metadata(self) -> dict[str, Any]:
        return {"name": "fff-serve", "version": self._server_version, "extensions": EXTENSIONS}

    async def live(self) -> Response:
        live = self._engine.healthy
        return json_response({"live": live}, 200 if live else 503)

    async def ready(self) -> Response:
        ready = self._engine.state == "ready"
        return json_response({"ready": ready}, 200 if ready else 503)

    async def model_metadata(self, name: str, version: str | None = None) -> Response:
        return json_response(model_metadata(self._engine.model(name, version)))

    async def model_ready(self, name: str, version: str | None = None) -> Response:
        model = self._engine.model(name, version)
        ready = self._engine.state == "ready"
        return json_response({"name": model.facts.name, "ready": ready}, 200 if ready else 503)

    async def infer(self, name: str, version: str | None = None) -> Response:
        """Compute rows, as JSON or with the binary tensor extension."""
        raise AssertionError("answered by service.prediction_paths; here for /docs")
