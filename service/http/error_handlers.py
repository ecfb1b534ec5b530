"""Every error of FastAPI's paths as `{"error": …}`: ours, the framework's, and our bugs."""

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from service.errors import INTERNAL_ERROR, ComputeFailed, ServiceError
from service.http.responses import error_response, json_response


def add_error_handlers(app: FastAPI) -> None:
    """Render whatever a route raises."""
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _bug)


async def _service_error(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, ServiceError)
    return error_response(exc)


async def _http_error(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    path = request.url.path
    hint = f"is it {path.rstrip('/')}? " if path.endswith("/") else ""
    text = {
        404: f"no such path: {path}; {hint}see /docs",
        405: f"{path} does not take {request.method}; see /docs",
    }.get(exc.status_code, exc.detail)
    return json_response({"error": text}, exc.status_code, exc.headers)


async def _invalid(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    text = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors())
    return json_response({"error": text}, 400)


async def _bug(_: Request, __: Exception) -> Response:
    # Starlette logs the traceback; none of it leaves the service.
    return error_response(ComputeFailed(INTERNAL_ERROR))
