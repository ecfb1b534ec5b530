"""
`/v1`: the comparison with the baseline, and the explanation of routing.

Their bodies are read and parsed as those of predictions are; what is left to do after computing is
done in one thread, a piece at a time. They are counted apart from predictions.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response

from service.engine.engine import Engine
from service.engine.prediction import Prediction
from service.http.body import Bodies
from service.http.compression import inflate
from service.http.disconnect import while_connected
from service.http.routes_v1 import ERRORS
from service.http.schemas_inspection import (
    CompareResponse,
    ExplainResponse,
    NetworkExplainResponse,
)
from service.http.schemas_v1_requests import CompareRequest, ExplainBody
from service.http.schemas_v2 import request_body
from service.http.streamed_json import long_response
from service.inspection.comparison import compare
from service.inspection.explanation import explain_rows, inspection_thread, require_paths
from service.metrics.outcomes import InspectionOutcomes
from service.protocol.answer_headers import RawHeaders, answer_headers
from service.protocol.explain_request import ExplainRequest, parse_explain
from service.protocol.json_pieces import Pieces
from service.protocol.plain_json import parse_comparison

T = TypeVar("T")


class InspectionRoutes:
    """
    Handlers for one engine.

    Args:
        engine: Computes the rows.
        bodies: Reads the requests.
    """

    def __init__(self, engine: Engine, bodies: Bodies):
        self._engine, self._bodies = engine, bodies
        # One thread, however many ask: what they leave of the processors is the predictions'.
        self._executor = inspection_thread(engine.settings.compute_threads)

    def router(self) -> APIRouter:
        """Both paths, with the bodies that `/docs` shows."""
        router = APIRouter(prefix="/v1", tags=["Plain JSON"], responses=ERRORS)
        router.add_api_route(
            "/models/{name}/explain",
            self.explain,
            methods=["POST"],
            response_model=ExplainResponse | NetworkExplainResponse,
            openapi_extra=request_body(ExplainBody, required=True),
        )
        router.add_api_route(
            "/compare",
            self.compare,
            methods=["POST"],
            response_model=CompareResponse,
            openapi_extra=request_body(CompareRequest, required=True),
        )
        return router

    async def explain(self, name: str, request: Request) -> Response:
        """
        Serve rows and show the path of each: every node met, its score, the side taken.

        Of a network each row has its layers, and each layer the paths of its tokens.

        The rows are computed and counted like any others, in the leaf statistics too.
        """
        inspection: Prediction[ExplainRequest] = self._begin("explain")
        with inspection.counted():
            model = inspection.find(name)
            require_paths(model)
            parsed = await self._parsed(
                request, lambda body: inspection.parse(partial(parse_explain, body))
            )
            asked = model, parsed.rows, parsed.chosen
            explaining = explain_rows(self._engine, self._executor, *asked)
            pieces, answer = await _while_connected(request, explaining)
            headers = answer_headers(model, answer)
            return await self._long_response(request, pieces, headers)

    async def compare(self, request: Request) -> Response:
        """
        Compute rows on a model and on its baseline, and time both in turn.

        With labels, how often each is right too.
        """
        inspection: Prediction[ExplainRequest] = self._begin("compare")
        with inspection.counted():
            # The body names the model, and may be parsed in a thread: the engine's table of models
            # is replaced, never changed.
            read = partial(parse_comparison, find=inspection.find)
            comparing = compare(self._engine, self._executor, await self._parsed(request, read))
            pieces = await _while_connected(request, comparing)
            return await self._long_response(request, pieces, [])

    def _begin(self, endpoint: str) -> Prediction[ExplainRequest]:
        return Prediction(self._engine, InspectionOutcomes(endpoint, self._engine.metrics))

    async def _parsed(self, request: Request, parse: Callable[[bytes], T]) -> T:
        length = request.headers.get("content-length", "").encode("latin-1")
        encoding = ",".join(request.headers.getlist("content-encoding"))
        return await self._bodies.rows(
            request.receive,
            length,
            encoding.encode("latin-1"),
            lambda body: parse(inflate(body, encoding, self._bodies.max_bytes)),
        )

    async def _long_response(
        self, request: Request, pieces: Pieces, headers: RawHeaders
    ) -> Response:
        accept_encoding = ",".join(request.headers.getlist("accept-encoding"))
        named = {name.decode(): value.decode() for name, value in headers}
        return await long_response(self._engine.offload, pieces, accept_encoding, named)


async def _while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    return await while_connected(request.receive, asyncio.ensure_future(work))
