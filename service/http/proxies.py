"""
What lies between a client and the service: reverse proxies, and browsers that enforce CORS.

Covered:      forwarded headers, the path prefix, redirects, allowed origins.
Not covered:  the prefix before predictions (`Predictions.target_of`).
"""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from service.http.responses import json_response
from service.settings import Settings

METHODS = ("GET", "HEAD", "POST")
EXPOSED = (
    *("x-request-id", "x-model-version", "server-timing", "retry-after"),
    "inference-header-content-length",
)
"""Headers of ours that scripts of another origin may read."""


def with_proxies_and_origins(app: ASGIApp, settings: Settings) -> ASGIApp:
    """Put the middleware that the settings ask for around an application; none by default."""
    if settings.cors_origins:
        app = _Cors(
            app,
            allow_origins=settings.cors_origins,
            allow_methods=METHODS,
            allow_headers=("*",),
            expose_headers=EXPOSED,
        )
    if settings.forwarded_allow_ips:
        # uvicorn's types of ASGI are others than Starlette's.
        app = ProxyHeadersMiddleware(app, list(settings.forwarded_allow_ips))  # type: ignore
    return app


class _Cors(CORSMiddleware):
    """Starlette's, with errors in the form that all of ours have."""

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        kept = {k: v for k, v in response.headers.items() if not k.startswith("content-")}
        return json_response({"error": bytes(response.body).decode()}, response.status_code, kept)


def add_prefix(scope: Scope, prefix: str) -> None:
    """
    Tell the application its path prefix, which the proxy may have stripped from the request's path.

    Args:
        scope: Of the request; its paths then have the prefix, as ASGI asks.
        prefix: The setting `root_path`.
    """
    scope["root_path"] = prefix
    path: str = scope["path"]
    if path != prefix and not path.startswith(f"{prefix}/"):
        scope["path"] = prefix + path
        scope["raw_path"] = prefix.encode() + scope["raw_path"]


def relative_redirects(scope: Scope, send: Send) -> Send:
    """
    Have redirects name their target relative to the path asked for.

    Starlette's, to a path without its slash at the end or with one, names scheme, host and path as
    they arrived here, which is not how a client behind a proxy knows them.
    """

    async def rewrite(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 307:
            rest = [(k, v) for k, v in message["headers"] if k.lower() != b"location"]
            message["headers"] = [*rest, (b"location", _other_slash(scope))]
        await send(message)

    return rewrite


def _other_slash(scope: Scope) -> bytes:
    """The path asked for with a slash at its end, or without any, relative to itself."""
    path: bytes = scope["raw_path"]
    bare = path.rstrip(b"/")
    slashes = len(path) - len(bare)
    name = bare.rpartition(b"/")[2]
    relative = b"../" * slashes + name if slashes else b"./" + name + b"/"
    query: bytes = scope["query_string"]
    return relative + b"?" + query if query else relative
