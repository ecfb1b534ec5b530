"""
A client of fff-serve, blocking and asynchronous: arrays in, arrays out.

    with Client() as client:
        print(client.predict("digits", images, outputs=["logits", "leaf"]).leaves)

Numbers travel as bytes, connections are kept, and after 429 or 503 a request is sent again when
the service's `Retry-After` has passed, within the call's deadline, which the service is sent.

Covered:      prediction over the Open Inference Protocol; comparison, explanation and
              descriptions over `/v1`; readiness.
Not covered:  gRPC, and the operations that need an administrator's key.
"""

from fff_client.async_client import AsyncClient
from fff_client.client import Client
from fff_client.errors import (
    DeadlinePassed,
    NotReachable,
    Overloaded,
    RequestRefused,
    ServiceError,
    ServiceFailed,
    Unavailable,
)
from fff_client.results import Comparison, Prediction, Side

__all__ = [
    "AsyncClient",
    "Client",
    "Comparison",
    "DeadlinePassed",
    "NotReachable",
    "Overloaded",
    "Prediction",
    "RequestRefused",
    "ServiceError",
    "ServiceFailed",
    "Side",
    "Unavailable",
]
