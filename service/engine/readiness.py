"""
Is the service ready, is it healthy, and if not, why?

Covered:      its state, and models whose computation does not come back.
Not covered:  what probes answer (`service.http`, `service.grpc`).
"""

import time
from collections.abc import Iterable

from service.engine.admission import NOT_ACCEPTED, State, unavailable
from service.engine.served_model import ServedModel
from service.errors import Unavailable

HANGING_S = 60.0  # no batch of any model tried here has taken a second


def hangs(model: ServedModel) -> bool:
    """Whether a model's computation does not come back."""
    since_s = model.worker.running_since_s
    return since_s is not None and time.monotonic() - since_s >= HANGING_S


def hanging(model: ServedModel) -> Unavailable:
    """Say why a model that hangs accepts nothing."""
    name = model.facts.name
    return Unavailable(f"a computation of model {name!r} hangs: {NOT_ACCEPTED}")


def obstacle(state: State, models: Iterable[ServedModel]) -> str | None:
    """Say why a service in this state, or one of these models, is not ready; None if they are."""
    if state != "ready":
        return str(unavailable(state, NOT_ACCEPTED))
    return next((str(hanging(model)) for model in models if hangs(model)), None)
