"""
`/docs`: the API in a browser, by Swagger UI, whose files come with the package `fastapi-offline`.

Covered:      the page, its scripts and style, and a policy that lets nothing else in.
Not covered:  what it shows: FastAPI makes `/openapi.json` of the routes.

Every address is relative, so the page works with no network but the service and below any prefix.
"""

import re

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.staticfiles import StaticFiles

from service.page.document import policy_headers, source_hash


def add_docs(app: FastAPI) -> None:
    """Add the page at `/docs`, and its files below it."""
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=f"{app.title} API",
        swagger_js_url="docs/files/swagger-ui-bundle.js",
        swagger_css_url="docs/files/swagger-ui.css",
        swagger_favicon_url="data:,",
    )
    html = bytes(page.body)
    headers = _headers(html.decode())

    async def docs(_: Request) -> Response:
        return Response(html, headers=headers, media_type="text/html")

    app.add_route("/docs", docs, include_in_schema=False)
    app.mount("/docs/files", StaticFiles(packages=[("fastapi_offline", "static")]))


def _headers(html: str) -> dict[str, str]:
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    return policy_headers(
        {
            "connect-src": "'self'",
            "img-src": "data:",
            "script-src": " ".join(["'self'", *map(source_hash, scripts)]),
            "style-src": "'self'",
        }
    )
