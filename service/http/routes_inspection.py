"""
`/v1`: what is asked about rows rather than of them: the comparison, and the explanation.

Their bodies are read and parsed as those of predictions are, and what computing leaves to be done
is done aside. They are counted by themselves.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from fastapi import APIRouter, Request, Response

from service.engine.engine import Engine
from service.engine.served_model import ServedModel
from service.http.body import parsed, read_body
from service.http.compression import inflate
from service.http.disconnect import while_connected
from service.http.responses import facts_of
from service.http.routes_v1 import ERRORS
from service.http.schemas_v1 import CompareRequest, CompareResponse, ExplainResponse, PredictRequest
from service.http.schemas_v2 import request_body
from service.http.streamed_json import long_response
from service.inspection.aside import Aside
from service.inspection.comparison import compare
from service.inspection.explanation import explain_rows, tree_of
from service.metrics.inspections import Inspection
from service.protocol.plain_json import parse_comparison, parse_plain

T = TypeVar("T")


class InspectionRoutes:
    """
    Handlers for one engine.

    Args:
        engine: Computes.
    """

    def __init__(self, engine: Engine):
        self._engine = engine
        self._aside = Aside()

    def router(self) -> APIRouter:
        """Both paths, with the bodies that `/docs` shows."""
        router = APIRouter(prefix="/v1", tags=["Plain JSON"], responses=ERRORS)
        router.add_api_route(
            "/models/{name}/explain",
            self.explain,
            methods=["POST"],
            response_model=ExplainResponse,
            openapi_extra=request_body(PredictRequest, required=True),
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

        The rows are computed and counted like any others, in the leaf statistics too.
        """
        with self._engine.metrics.inspections.counting("explain") as inspection:
            model = self._find(inspection, name)
            tree_of(model)
            asked = await self._parsed(
                request, partial(parse_plain, header_length=None, model=model)
            )
            explaining = explain_rows(self._engine, self._aside, model, asked.rows)
            told, answer = await while_connected(request.receive, asyncio.ensure_future(explaining))
            facts = {name.decode(): said.decode() for name, said in facts_of(model, answer)}
            return await long_response(told, request.headers.get("accept-encoding", ""), facts)

    async def compare(self, request: Request) -> Response:
        """
        Compute rows on an FFF and on its dense twin, and time both in turn.

        With labels, how often each is right too.
        """
        with self._engine.metrics.inspections.counting("compare") as inspection:
            find = partial(self._find, inspection)
            asked = await self._parsed(request, partial(parse_comparison, find=find))
            comparing = compare(self._engine, self._aside, asked)
            compared = await while_connected(request.receive, asyncio.ensure_future(comparing))
            return await long_response(compared, request.headers.get("accept-encoding", ""), {})

    def _find(self, inspection: Inspection, name: str) -> ServedModel:
        # Also called in a thread: the engine's table of models is replaced, never changed.
        model = self._engine.model(name)
        inspection.series = model.metrics.inspections
        return model

    async def _parsed(self, request: Request, parse: Callable[[bytes], T]) -> T:
        headers, max_bytes = request.headers, self._engine.settings.max_body_bytes
        length = headers.get("content-length", "").encode("latin-1")
        body = await read_body(request.receive, length, max_bytes)
        encoding = headers.get("content-encoding", "")
        return await parsed(
            lambda body: parse(inflate(body, encoding, max_bytes)), body, encoding.encode("latin-1")
        )
