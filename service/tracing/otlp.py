"""
OpenTelemetry traces of predictions, sent to a collector: OTLP over HTTP.

Covered:      HTTP and gRPC predictions, the client's span as parent (W3C `traceparent`), the stop.
Not covered:  what a span says (`spans`); what the SDK reads itself, OTEL_SERVICE_NAME,
              OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_BSP_*, OTEL_EXPORTER_OTLP_HEADERS.

Spans leave in a thread of the SDK's. A collector that does not answer costs spans, never requests.

Only `service.app` imports this, and only with an endpoint: OpenTelemetry is optional.
"""

import asyncio
import contextlib
import logging
import threading

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from model_store.remote.url import redacted
from service.errors import Status
from service.tracing.spans import Attributes, RequestSpan, SpanTimeline
from service.tracing.timeline import Headers, Timelines

log = logging.getLogger(__name__)

FLUSH_S = 3.0
"""For the last spans to leave at the stop; a collector nearby takes milliseconds."""

_PARENT = (b"traceparent", b"tracestate")


class Tracing(Timelines):
    """
    Traces every prediction that is sampled.

    Args:
        endpoint: Base URL of the collector, without `/v1/traces`.
        version: The package's, as `service.version`.
    """

    def __init__(self, endpoint: str, version: str):
        ours = {"service.name": "fff-serve", "service.version": version}
        resource = Resource.create(ours).merge(OTELResourceDetector().detect())
        # Not at exit, where nothing bounds it: `stop` does.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        url = endpoint.rstrip("/") + "/v1/traces"
        self._collector = redacted(url)  # in messages: there may be a password in it
        exporter = OTLPSpanExporter(endpoint=url)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("fff-serve", version)
        log.info("traces go to %s", self._collector)

    def http(self, path: str, headers: Headers, request_id: bytes) -> SpanTimeline:
        """Begin the server span of a POST to a prediction path."""
        name = f"POST {_route(path)}"
        attributes: Attributes = {
            "http.request.method": "POST",
            "http.route": _route(path),
            "url.path": path,
            "url.scheme": "http",
        }
        call = RequestSpan(name, f"POST {path}", attributes, _http_status)
        return SpanTimeline(self._tracer, call, _parent(headers), request_id)

    def grpc(self, method: str, headers: Headers, request_id: bytes) -> SpanTimeline:
        """Begin the server span of a gRPC call."""
        attributes: Attributes = {"rpc.system.name": "grpc", "rpc.method": method}
        call = RequestSpan(method, method, attributes, _grpc_status)
        return SpanTimeline(self._tracer, call, _parent(headers), request_id)

    async def stop(self) -> None:
        """Send the spans that still wait, for at most `FLUSH_S` seconds."""
        flushed = asyncio.Event()
        # A daemon: a collector that takes the connection and says nothing must not hold the exit.
        # Not in asyncio's pool: loads that hang may have all of it.
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._flush, args=(loop, flushed), daemon=True).start()
        try:
            async with asyncio.timeout(FLUSH_S):
                await flushed.wait()
        except TimeoutError:
            log.warning(
                "%s did not take the last spans in %g s: they are lost", self._collector, FLUSH_S
            )

    def _flush(self, loop: asyncio.AbstractEventLoop, flushed: asyncio.Event) -> None:
        self._provider.shutdown()
        with contextlib.suppress(RuntimeError):  # closed meanwhile: it came too late
            loop.call_soon_threadsafe(flushed.set)


def _route(path: str) -> str:
    """The path with its names left open: `/v2/models/{model}/versions/{version}/infer`."""
    parts = path.split("/")
    parts[3] = "{model}"
    if parts[4] == "versions":
        parts[5] = "{version}"
    return "/".join(parts)


def _parent(headers: Headers) -> Context:
    sent = {name.decode(): value.decode("latin-1") for name, value in headers if name in _PARENT}
    return TraceContextTextMapPropagator().extract(sent)


def _http_status(status: Status) -> Attributes:
    return {"http.response.status_code": status.http}


def _grpc_status(status: Status) -> Attributes:
    return {"rpc.response.status_code": status.grpc}
