"""
The short way to a prediction: past FastAPI's routing, into the same handler.

FastAPI resolves and documents every path of the application; for a row that computes in
microseconds that costs more than everything else together, so POSTs to prediction paths are
recognised here, in front of it. Whatever else comes goes on to the application.

Measured: docs/decisions/0006-in-the-loop.md.
"""

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.answering import Parse, Render, answer_prediction
from service.engine import Engine
from service.inference_protocol import infer_response, parse_infer
from service.routes_v1 import parse_plain, render_plain

Target = tuple[str, str | None, Parse, Render]


class PredictionPaths:
    """
    ASGI middleware that answers predictions.

    Args:
        app: Answers everything else.
        engine: Computes.
    """

    def __init__(self, app: ASGIApp, engine: Engine):
        self._app = app
        self._engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        target = _target(scope["path"]) if scope.get("method") == "POST" else None
        if target is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        response = await answer_prediction(self._engine, request, *target)
        await response(scope, receive, send)


def _target(path: str) -> Target | None:
    match path.split("/"):
        case ["", "v1", "models", name, "predict"]:
            return name, None, parse_plain, render_plain
        case ["", "v2", "models", name, "infer"]:
            return name, None, parse_infer, infer_response
        case ["", "v2", "models", name, "versions", version, "infer"]:
            return name, version, parse_infer, infer_response
        case _:
            return None
