"""`/v1`: plain JSON predictions, and what the models are doing."""

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from model_store.manifest import Manifest
from service.engine.engine import Engine
from service.engine.served_model import ServedModel
from service.http.rendering import Renderer, rendered_json
from service.http.schemas_v1 import (
    ErrorBody,
    LeavesResponse,
    ModelDescription,
    ModelList,
    PredictResponse,
)
from service.http.schemas_v1_requests import PredictRequest
from service.http.schemas_v2 import request_body
from service.metrics.leaf_stats import LeafSnapshot
from service.metrics.pacing import paced
from service.protocol.inputs import json_datatypes
from service.protocol.json_pieces import Pieces, joined_list, json_numbers, json_object
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
        renderer: Makes what may be long: a leaf has its counts, and there may be a million.
    """

    def __init__(self, engine: Engine, shadows: Shadows | None, renderer: Renderer):
        self._engine, self._shadows, self._renderer = engine, shadows, renderer

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

    async def models(self, request: Request) -> Response:
        """List what is served, on which backend and why."""
        models = [(self._describe(m), m.manifest) for m in self._engine.models.values()]

        def make() -> Pieces:
            described = [_described(facts, manifest) for facts, manifest in paced(models)]
            return [b'{"models":', *joined_list(described), b"}"]

        return await rendered_json(self._renderer, request, make)

    async def model(self, request: Request, name: str) -> Response:
        """Describe one model, its manifest included."""
        model = self._engine.model(name)
        facts, manifest = self._describe(model), model.manifest

        def make() -> Pieces:
            return _described(facts, manifest)

        return await rendered_json(self._renderer, request, make)

    async def leaves(self, request: Request, name: str) -> Response:
        """Show how the model's leaves are used, and how far that is from the reference."""
        model = self._engine.model(name)

        def make() -> Pieces:
            named = zip(model.manifest.layers, model.metrics.layers, strict=True)
            layers = [_layer(layer.name, stats.snapshot()) for layer, stats in named]
            facts = {"model": model.facts.name, "version": model.facts.version}
            return json_object(facts, layers=joined_list(layers))

        return await rendered_json(self._renderer, request, make)

    async def predict(self, name: str) -> Response:
        """Compute rows; answers with logits, or values, and the leaf that made each."""
        raise AssertionError("answered before FastAPI's router; here for /docs")

    def _describe(self, model: ServedModel) -> dict[str, Any]:
        facts = model.facts
        shadow = None if self._shadows is None else self._shadows.of(model)
        unready_reason = self._engine.unready(facts.name)
        return {
            "name": facts.name,
            "version": facts.version,
            "kind": facts.kind,
            "task": model.manifest.task,
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
            "layers": [layer._asdict() for layer in model.manifest.layers],
            "shadow": None if shadow is None else _shadow(shadow),
            "datatypes": json_datatypes(model.manifest),
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


def _described(facts: dict[str, Any], manifest: Manifest) -> Pieces:
    names = manifest.model_dump(include={"inputs", "targets", "classes"})
    return json_object(facts | names, manifest=_manifest(manifest))


def _manifest(manifest: Manifest) -> Pieces:
    reference = getattr(manifest, "reference_leaf_rows", None)
    # The curve is of a run, not of the model, and longer than all the rest.
    without: dict[str, bool | set[str]] = {"origin": {"curve"}}
    facts = manifest.model_dump(
        exclude=without | ({"reference_leaf_rows": True} if reference else {})
    )
    if not reference:
        return [orjson.dumps(facts)]
    return json_object(facts, reference_leaf_rows=joined_list(map(json_numbers, reference)))


def _layer(name: str, snapshot: LeafSnapshot) -> Pieces:
    facts = {
        "name": name,
        "leaves": snapshot.leaves,
        "rows_total": int(snapshot.total.sum()),
        "window_rows": snapshot.window_rows,
        "expected_dead": snapshot.expected_dead,
        "unexpectedly_dead": snapshot.unexpectedly_dead,
        "max_share": snapshot.max_share,
        "entropy_ratio": snapshot.entropy_ratio,
        "drift_js": snapshot.drift,
        "drift_noise_js": snapshot.drift_noise,
    }
    return json_object(
        facts,
        rows=json_numbers(snapshot.total),
        shares=json_numbers(snapshot.shares),
        dead=json_numbers(snapshot.dead),
    )
