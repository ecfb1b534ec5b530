"""A collector of traces: takes OTLP over HTTP, and reads it with OpenTelemetry's own classes."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


def plain(attributes: list[KeyValue]) -> dict[str, object]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value") or "") for a in attributes}


class Collector(ThreadingHTTPServer):
    """
    What it was sent.

    Attributes:
        spans: In the order in which they came.
        resources: What their senders say of themselves.
        paths: Where anything was sent to.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.spans: list[Span] = []
        self.resources: list[dict[str, object]] = []
        self.paths: set[str] = set()

    def take(self, body: bytes) -> None:
        for of_one in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append(plain(of_one.resource.attributes))
            for scope in of_one.scope_spans:
                self.spans += scope.spans

    def tree(self) -> tuple[Span, list[Span]]:
        """The one server span, and its children as they began."""
        (root,) = [span for span in self.spans if span.kind == Span.SPAN_KIND_SERVER]
        children = [span for span in self.spans if span.parent_span_id == root.span_id]
        assert len(self.spans) == 1 + len(children)
        return root, sorted(children, key=lambda span: span.start_time_unix_nano)


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:  # noqa: N802  (http.server's name)
        self.server.paths.add(self.path)
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/v1/traces":
            self.server.take(body)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@contextlib.contextmanager
def collector() -> Iterator[Collector]:
    with Collector() as collecting:
        serving = threading.Thread(target=collecting.serve_forever, args=[0.05])
        serving.start()
        try:
            yield collecting
        finally:
            collecting.shutdown()
            serving.join()
