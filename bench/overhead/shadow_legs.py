"""One leg of the shadow bench: a service asked by wrk, and what its shadow did meanwhile."""

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.http.model import MODEL
from bench.http.wrk import run_wrk
from loadtest.harness.errors import LoadTestError
from loadtest.harness.service_api import get
from loadtest.harness.service_process import ServiceProcess

REST_LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class ShadowLeg:
    """
    A service under load once.

    Attributes:
        requests_per_s: As wrk saw it, like `p50_ms`, `p99_ms` and `errors`.
        shadow_rows: That the twin computed, like `shadow_dropped_rows` until the queue was empty.
        speedup: Of the shadow's window at the end; None while it is off, like `agreement`.
    """

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    errors: int
    shadow_rows: int = 0
    shadow_dropped_rows: int = 0
    speedup: float | None = None
    agreement: float | None = None


def measure_leg(
    wrk: str, service: ServiceProcess, bodies: Path, connections: int, duration_s: int
) -> ShadowLeg:
    """
    Load a service; returns once its shadow is idle, so that the next leg has the machine.

    Raises:
        WrkError: If it answers nothing.
        LoadTestError: If its shadow does not come to an end.
    """
    before = _shadow(service) or {"rows": 0, "dropped_rows": 0}
    url = f"{service.url}/v2/models/{MODEL}/infer"
    figures = run_wrk(wrk, url, bodies, connections, duration_s)
    after = _rested(service)
    rate = figures.requests / figures.seconds
    leg = ShadowLeg(rate, figures.p50_ms, figures.p99_ms, figures.errors)
    if after is None:
        return leg
    return replace(
        leg,
        shadow_rows=after["rows"] - before["rows"],
        shadow_dropped_rows=after["dropped_rows"] - before["dropped_rows"],
        speedup=after["speedup"],
        agreement=after["agreement"],
    )


def _rested(service: ServiceProcess) -> dict[str, Any] | None:
    deadline_s = time.monotonic() + REST_LIMIT_S
    while (shadow := _shadow(service)) is not None and shadow["waiting_rows"]:
        if time.monotonic() > deadline_s:
            raise LoadTestError(f"the shadow was not idle {REST_LIMIT_S:g} s after the load")
        time.sleep(0.05)
    return shadow


def _shadow(service: ServiceProcess) -> dict[str, Any] | None:
    shadow: dict[str, Any] | None = json.loads(get(f"{service.url}/v1/models/{MODEL}"))["shadow"]
    return shadow
