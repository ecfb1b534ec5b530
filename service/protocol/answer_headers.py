"""What every answer says of itself beside its tensors, over HTTP and gRPC alike."""

from service.engine.served_model import ServedModel
from service.job import Answer
from service.protocol.json_pieces import Pieces

RawHeaders = list[tuple[bytes, bytes]]
"""Names in lower case, and values."""
Reply = tuple[int, RawHeaders, bytes | Pieces]
"""Status, headers, body; in pieces where it is long."""


def answer_headers(model: ServedModel, answer: Answer) -> RawHeaders:
    """Where the time went, in milliseconds, and which version answered."""
    queue_ms, compute_ms = answer.queue_s * 1e3, answer.compute_s * 1e3
    timing = b"queue;dur=%.3f, compute;dur=%.3f" % (queue_ms, compute_ms)
    return [(b"server-timing", timing), (b"x-model-version", b"%d" % model.facts.version)]
