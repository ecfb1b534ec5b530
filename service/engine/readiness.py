"""
Is the service ready, is it healthy, and if not, why?

Covered:      its state, models that could not be loaded, computations that do not come back.
Not covered:  what probes answer (`service.http`, `service.grpc`).
"""

import time
from collections.abc import Iterable, Sequence

from service.engine.admission import NOT_ACCEPTED, State, not_ready
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


def obstacle(state: State, models: Iterable[ServedModel], missing: Sequence[str]) -> str | None:
    """
    Say why a service is not ready; None if it is.

    Args:
        state: Of the service.
        models: Each is to be ready.
        missing: Names of models that should be served and could not be loaded.
    """
    if state != "ready":
        return str(not_ready(state))
    if missing:
        return f"not every model could be loaded: {', '.join(missing)}"
    return next((str(hanging(model)) for model in models if hangs(model)), None)
