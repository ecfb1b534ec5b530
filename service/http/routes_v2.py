"""`/v2`: the Open Inference Protocol. Formats are in `service.protocol`."""

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from service.engine.engine import Engine
from service.engine.served_model import ServedModel
from service.http.rendering import Renderer, rendered_json
from service.http.responses import json_response
from service.http.schemas_v1 import ErrorBody
from service.http.schemas_v2 import (
    InferAnswer,
    InferBody,
    ModelMetadata,
    ServerMetadata,
    StatisticsAnswer,
    request_body,
)
from service.metrics.pacing import paced
from service.protocol.json_pieces import Pieces, joined_list
from service.protocol.model_config import model_config
from service.protocol.open_inference import EXTENSIONS, SERVER, model_metadata

_NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": ErrorBody}}
_INFER_ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"model": ErrorBody} for code in (400, 404, 413, 429, 500, 503, 504)
}


class ProtocolRoutes:
    """
    Handlers of the protocol for one engine.

    Args:
        engine: Has the models that are described.
        server_version: The package's, as clients read it.
        renderer: Makes the statistics: of each size of batch of each model.
    """

    def __init__(self, engine: Engine, server_version: str, renderer: Renderer):
        self._engine, self._renderer = engine, renderer
        self._server_version = server_version

    def router(self) -> APIRouter:
        """Both forms of each path: with a version and without."""
        router = APIRouter(tags=["Open Inference Protocol v2"])
        router.add_api_route("/v2", self.server_metadata, response_model=ServerMetadata)
        router.add_api_route("/v2/health/live", self.live)
        router.add_api_route("/v2/health/ready", self.ready)
        # Before the models' own: a model named stats is asked for with its version, as in Triton.
        router.add_api_route("/v2/models/stats", self.statistics, response_model=StatisticsAnswer)
        for model in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
            for path, handler, answer in (
                (model, self.model_metadata, ModelMetadata),
                (f"{model}/ready", self.model_ready, None),
                (f"{model}/config", self.model_config, None),
                (f"{model}/stats", self.model_statistics, StatisticsAnswer),
            ):
                router.add_api_route(path, handler, response_model=answer, responses=_NOT_FOUND)
            router.add_api_route(
                f"{model}/infer",
                self.infer,
                methods=["POST"],
                response_model=InferAnswer,
                responses=_INFER_ERRORS,
                openapi_extra=request_body(InferBody, required=True),
            )
        return router

    async def server_metadata(self) -> Response:
        """Say what this server is and which extensions of the protocol it has."""
        return json_response(
            {"name": SERVER, "version": self._server_version, "extensions": EXTENSIONS}
        )

    async def live(self) -> Response:
        """200 while the event loop answers, every compute thread lives and the device works."""
        live = self._engine.healthy
        return json_response({"live": live}, 200 if live else 503)

    async def ready(self) -> Response:
        """200 once every model is loaded and warm, until one hangs or the service drains."""
        return _readiness(self._engine.unready())

    async def model_metadata(self, name: str, version: str | None = None) -> Response:
        """Name a model's tensors, their datatypes and shapes."""
        return json_response(model_metadata(self._engine.model(name, version)))

    async def model_ready(self, name: str, version: str | None = None) -> Response:
        """200 while the model is served and its computations come back."""
        model = self._engine.model(name, version)
        return _readiness(self._engine.unready(name), name=model.facts.name)

    async def model_config(self, name: str, version: str | None = None) -> Response:
        """Describe a model as Triton's clients expect it."""
        return json_response(model_config(self._engine.model(name, version)))

    async def statistics(self, request: Request) -> Response:
        """Count what every served model has done since it was loaded."""
        return await self._statistics(request, list(self._engine.models.values()))

    async def model_statistics(
        self, request: Request, name: str, version: str | None = None
    ) -> Response:
        """Count what a model has done since it was loaded."""
        return await self._statistics(request, [self._engine.model(name, version)])

    async def _statistics(self, request: Request, models: list[ServedModel]) -> Response:
        def make() -> Pieces:
            stats = [[orjson.dumps(model.statistics())] for model in paced(models)]
            return [b'{"model_stats":', *joined_list(stats), b"}"]

        return await rendered_json(self._renderer, request, make)

    async def infer(self, name: str, version: str | None = None) -> Response:
        """Compute rows, as JSON or with the binary tensor extension."""
        raise AssertionError("answered before FastAPI's router; here for /docs")


def _readiness(obstacle: str | None, **subject: str) -> Response:
    if obstacle is None:
        return json_response({**subject, "ready": True})
    return json_response({**subject, "ready": False, "error": obstacle}, 503)
