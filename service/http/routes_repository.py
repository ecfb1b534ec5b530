"""`/v2/repository`: the model repository extension; loading and unloading need the admin key."""

from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import HTTPBearer
from pydantic import SecretStr

from service.admin_key import require_admin_key
from service.engine.repository import Repository
from service.errors import InvalidInput, short_repr
from service.http.body import read_body
from service.http.responses import json_response
from service.http.schemas_v1 import ErrorBody
from service.http.schemas_v2 import IndexBody, IndexEntry, LoadBody, UnloadBody, request_body
from service.protocol.rows import parse_object

MAX_BODY_BYTES = 64 * 1024
"""Of these calls: a name or two. What a client means to send as a model's files ends here."""


class RepositoryRoutes:
    """
    Handlers of the model repository.

    Args:
        repository: Lists, loads and unloads models.
        admin_key: Lets its holder load and unload; None lets nobody.
    """

    def __init__(self, repository: Repository, admin_key: SecretStr | None):
        self._repository = repository
        self._admin_key = admin_key

    def router(self) -> APIRouter:
        """Every path, with the bodies and the key that `/docs` shows."""
        router = APIRouter(prefix="/v2/repository", tags=["Model repository"])
        router.add_api_route(
            "/index",
            self.index,
            methods=["POST"],
            response_model=list[IndexEntry],
            openapi_extra=request_body(IndexBody),
        )
        # Documents the key; `require_admin_key` asks for it.
        bearer = Depends(HTTPBearer(description="The setting admin_key.", auto_error=False))
        for path, handler, body in (
            ("/models/{name}/load", self.load, LoadBody),
            ("/models/{name}/unload", self.unload, UnloadBody),
        ):
            router.add_api_route(
                path,
                handler,
                methods=["POST"],
                dependencies=[bearer],
                responses={code: {"model": ErrorBody} for code in (400, 401, 403, 404, 503)},
                openapi_extra=request_body(body),
            )
        return router

    async def index(self, request: Request) -> Response:
        """List every version of every model of the store: what is ready, and why what is not."""
        ready = (await _body(request, "ready")).get("ready", False)
        if type(ready) is not bool:
            raise InvalidInput(f"ready must be true or false, got {short_repr(ready)}")
        return json_response(await self._repository.index(ready))

    async def load(self, request: Request, name: str) -> Response:
        """Serve the newest version of the store; the one served before answers what it accepted."""
        self._require_admin(request)
        overrides = _parameters(await _body(request, "parameters"))
        if overrides:
            raise InvalidInput(
                "load takes the newest version of the store as it is, without parameters; "
                f"got {', '.join(sorted(overrides))}"
            )
        await self._repository.load(name)
        return Response()

    async def unload(self, request: Request, name: str) -> Response:
        """Serve a model no longer, once it has answered what it accepted."""
        self._require_admin(request)
        unknown = _parameters(await _body(request, "parameters")).keys() - {"unload_dependents"}
        if unknown:
            raise InvalidInput(
                f"unload takes the parameter unload_dependents; got {', '.join(sorted(unknown))}"
            )
        await self._repository.unload(name)
        return Response()

    def _require_admin(self, request: Request) -> None:
        sent = request.headers.get("authorization")
        require_admin_key(self._admin_key, None if sent is None else sent.encode("latin-1"))


async def _body(request: Request, field: str) -> dict[str, Any]:
    """Read a body that may be empty and holds one field at most."""
    length = request.headers.get("content-length", "").encode()
    body = await read_body(request.receive, length, MAX_BODY_BYTES)
    content = parse_object(body) if body else {}
    unknown = content.keys() - {field}
    if unknown:
        raise InvalidInput(f"the one field is {field}; got also {', '.join(sorted(unknown))}")
    return content


def _parameters(content: dict[str, Any]) -> dict[str, Any]:
    parameters = content.get("parameters", {})
    if not isinstance(parameters, dict):
        raise InvalidInput(f"parameters must be an object, got {short_repr(parameters)}")
    return parameters
