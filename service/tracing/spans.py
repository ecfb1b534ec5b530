"""
A request as OpenTelemetry spans: the service's own, and its steps as children.

Covered:      names of attributes, times, status.
Not covered:  when the steps began (`timeline`), where spans go (`otlp`).

Spans are made once the request has been answered, from times taken on the way.

Names: semantic conventions 1.44 for `http.*`, `url.*`, `rpc.*` and `error.type`; `fff.*` are ours.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.util.types import AttributeValue

from service.errors import ServiceError, status_of
from service.errors import Status as RequestStatus
from service.tracing.timeline import LoggedTimeline

Attributes = dict[str, AttributeValue]


class RequestSpan(NamedTuple):
    """
    A request as its span names it.

    Attributes:
        span: Name of its span, with nothing in it that the client chose.
        name: In the log.
        attributes: That the span has from the beginning.
        ended: The attributes that its status adds.
    """

    span: str
    name: str
    attributes: Attributes
    ended: Callable[[RequestStatus], Attributes]


class SpanTimeline(LoggedTimeline):
    """
    A timeline that becomes spans.

    Args:
        tracer: Makes the spans.
        call: Names the request.
        parent: The client's own span, from its `traceparent`.
        request_id: As its answer carries it.
    """

    def __init__(self, tracer: Tracer, call: RequestSpan, parent: Context, request_id: bytes):
        super().__init__(call.name, request_id)
        # The clock that never jumps gives durations; the one that tells the date is read once.
        self._epoch_ns = time.time_ns() - round(self.begun_s * 1e9)
        self._tracer, self._ended = tracer, call.ended
        attributes = call.attributes | {"fff.request_id": request_id.decode("ascii")}
        begun_ns = self._at_ns(self.begun_s)
        self._span = tracer.start_span(call.span, parent, SpanKind.SERVER, attributes, (), begun_ns)
        if self._span.is_recording():
            self.trace_id = self._span.get_span_context().trace_id

    def end(self, error: ServiceError | None) -> None:
        """End the spans: the step that the request failed in says why; 5xx mark the whole."""
        super().end(error)
        if not self._span.is_recording():
            return
        ended_ns = self._at_ns(time.perf_counter())
        status, text = status_of(error), "" if error is None else str(error)
        self._end_steps(ended_ns, text)
        self._span.set_attributes(self._attributes() | self._ended(status))
        if status.http >= 400:
            self._span.set_attribute("error.type", str(status.http))
        if status.http >= 500:  # the conventions leave a server's span without a status below
            self._span.set_status(Status(StatusCode.ERROR, text))
        self._span.end(ended_ns)

    def _end_steps(self, ended_ns: int, error: str) -> None:
        within = set_span_in_context(self._span)
        begins_ns = [self._at_ns(begun_s) for _, begun_s in self.steps]
        spans = [
            self._tracer.start_span(name, within, start_time=begun_ns)
            for (name, _), begun_ns in zip(self.steps, begins_ns, strict=True)
        ]
        if error and spans:
            spans[-1].set_status(Status(StatusCode.ERROR, error))
        for span, until_ns in zip(spans, [*begins_ns[1:], ended_ns], strict=False):
            span.end(until_ns)

    def _attributes(self) -> Attributes:
        attributes: Attributes = {}
        if self.model is not None:
            attributes["fff.model"] = self.model.facts.name
            attributes["fff.version"] = self.model.facts.version
            attributes["fff.kind"] = self.model.facts.kind
        if self.rows:
            attributes["fff.rows"] = self.rows
        if self.answer is not None:
            attributes["fff.batch_rows"] = self.answer.batch_rows
        return attributes

    def _at_ns(self, clock_s: float) -> int:
        return self._epoch_ns + round(clock_s * 1e9)
