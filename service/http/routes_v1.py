"""`/v1`: plain JSON predictions, and what the models are doing."""

from typing import Any

from fastapi import APIRouter, Response

from service.engine.engine import Engine
from service.engine.served_model import ServedModel
from service.http.responses import json_response
from service.http.schemas_v1 import (
    ErrorBody,
    LeavesResponse,
    ModelDescription,
    ModelList,
    PredictRequest,
    PredictResponse,
)
from service.http.schemas_v2 import request_body
from service.metrics.leaf_stats import LeafSnapshot
from service.shadow.sampler import Shadow
from service.shadow.task import Shadows

ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"model": ErrorBody} for code in (400, 404, 413, 429, 503)
}


class PlainRoutes:
    """
    Handlers of `/v1` for one engine.

    Args:
        engine: Has the models that are described.
        shadows: Their shadows; None where the setting `shadow_ratio` is 0.
    """

    def __init__(self, engine: Engine, shadows: Shadows | None):
        self._engine, self._shadows = engine, shadows

    def router(self) -> APIRouter:
        """Every path, with the bodies that `/docs` shows."""
        router = APIRouter(prefix="/v1", tags=["Plain JSON"], responses=ERRORS)
        router.add_api_route("/models", self.models, response_model=ModelList)
        router.add_api_route("/models/{name}", self.model, response_model=ModelDescription)
        router.add_api_route("/models/{name}/leaves", self.leaves, response_model=LeavesResponse)
        router.add_api_route(
            "/models/{name}/predict",
            self.predict,
            methods=["POST"],
            response_model=PredictResponse,
            openapi_extra=request_body(PredictRequest, required=True),
        )
        return router

    async def models(self) -> Response:
        """List what is served, on which backend and why."""
        return json_response({"models": [self._describe(m) for m in self._engine.models.values()]})

    async def model(self, name: str) -> Response:
        """Describe one model, its manifest included."""
        return json_response(self._describe(self._engine.model(name)))

    async def leaves(self, name: str) -> Response:
        """Show how the model's leaves are used, and how far that is from the reference."""
        model = self._engine.model(name)
        layers = [_layer(stats.snapshot()) for stats in model.metrics.layers]
        return json_response(
            {"model": model.facts.name, "version": model.facts.version, "layers": layers}
        )

    async def predict(self, name: str) -> Response:
        """Compute rows; answers with logits and the leaf that made each."""
        raise AssertionError("answered before FastAPI's router; here for /docs")

    def _describe(self, model: ServedModel) -> dict[str, Any]:
        facts = model.facts
        shadow = None if self._shadows is None else self._shadows.of(model)
        unready_reason = self._engine.unready(facts.name)
        return {
            "name": facts.name,
            "version": facts.version,
            "kind": facts.kind,
            "ready": unready_reason is None,
            "unready_reason": unready_reason,
            "backend": facts.backend,
            "backend_reason": model.choice.reason,
            "device": facts.device,
            "device_reason": model.device.reason,
            "inline_rows": model.worker.inline_rows,
            "output_class": model.output_class,
            "dtype": facts.dtype,
            "weight_bytes": facts.weight_bytes,
            "flops_per_row": facts.flops_per_row,
            "bytes_per_row": facts.bytes_per_row,
            "shadow": None if shadow is None else _shadow(shadow),
            "manifest": model.manifest.model_dump(),
        }


def _shadow(shadow: Shadow) -> dict[str, Any]:
    snapshot = shadow.stats.snapshot()
    return {
        "baseline": shadow.labels[2],
        "ratio": shadow.ratio,
        "rows": snapshot.rows,
        "dropped_rows": snapshot.dropped,
        "waiting_rows": snapshot.waiting,
        "window_rows": snapshot.window_rows,
        "agreement": snapshot.agreement,
        "speedup": snapshot.speedup,
        "mean_difference": snapshot.mean_largest_difference,
    }


def _layer(snapshot: LeafSnapshot) -> dict[str, Any]:
    return {
        "leaves": snapshot.leaves,
        "rows_total": int(snapshot.total.sum()),
        "rows": snapshot.total,
        "window_rows": snapshot.window_rows,
        "shares": snapshot.shares,
        "dead": snapshot.dead,
        "unexpectedly_dead": snapshot.unexpectedly_dead,
        "max_share": snapshot.max_share,
        "entropy_ratio": snapshot.entropy_ratio,
        "drift_js": snapshot.drift,
        "drift_noise_js": snapshot.drift_noise,
    }
