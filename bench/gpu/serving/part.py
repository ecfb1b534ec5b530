"""
The service's part of a run on a GPU, step by step, most valuable first.

Every step writes one record, whatever becomes of it, and none needs the one before it to have
succeeded; after the deadline none is begun. All of it runs on a CPU too, as a rehearsal.

Covered:      start, description, the published checkpoints, loads of 1 to 64 connections beside
              a CPU and beside the wider budget of the event loop, models loaded at once, no
              memory, the shadow, SIGTERM, host synchronisation, a lost device.
Not covered:  kernels by themselves (`bench.gpu`).
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from bench.gpu.serving import checks, faults, models
from bench.gpu.serving.legs import run_leg
from bench.gpu.serving.no_wait import enqueue_without_waiting
from bench.gpu.serving.process import COMMAND, DeviceService
from bench.http.model import MODEL
from bench.parity import ParityError
from loadtest.harness.errors import LoadTestError

Record = Callable[..., None]
"""Writes the name of a step and its fields."""

Step = Callable[[], dict[str, Any]]
"""Returns what was found."""

READY_LIMIT_S = 60.0
WIDE_BUDGET_S = "1e-3"  # of the event loop: the CPU's
_END_LIMIT_S = 20.0  # for a service that has lost its device
_ALTERED = "bench.gpu.serving.altered"


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What is run.

    Attributes:
        device: `cuda`, or `cpu` for a rehearsal.
        connections: Of the loads; the first come before the faults.
        leg_s: Seconds of each.
        loaded: Models that are loaded.
        images: Of MNIST's test set, for the published checkpoints.
        ready_limit_s: Until a service must be ready.
    """

    device: str = "cuda"
    connections: tuple[int, ...] = (64, 8, 1)
    leg_s: float = 1.0
    loaded: tuple[str, ...] = (MODEL, models.WIDE)
    images: int = 10_000
    ready_limit_s: float = READY_LIMIT_S


def serve_part(record: Record, ends_s: float, folder: Path, plan: Plan) -> None:
    """
    Run all steps.

    Args:
        record: Is called once a step.
        ends_s: By `time.monotonic`; later, no step is begun, and what runs is ended.
        folder: Empty; for stores.
        plan: What is run.
    """
    part = ServingPart(folder, ends_s, plan)
    try:
        for name, step in part.steps():
            _run(record, name, step, ends_s)
    finally:
        _run(record, "end", part.end, float("inf"))


def _run(record: Record, name: str, step: Step, ends_s: float) -> None:
    began_s = time.monotonic()
    if began_s >= ends_s:
        record(name, skipped="deadline")
        return
    try:
        fields = step()
    except Exception as exc:  # the next step is another one's chance
        fields = {"error": f"{type(exc).__name__}: {exc}"[:2000]}
    record(name, seconds=round(time.monotonic() - began_s, 3), **fields)


class ServingPart:
    """
    The services and the steps.

    Args:
        folder: Empty; for stores.
        ends_s: When the part must be over, by `time.monotonic`.
        plan: What is run.
    """

    def __init__(self, folder: Path, ends_s: float, plan: Plan):
        self._folder, self._ends_s, self._plan = folder, ends_s, plan
        self._services: dict[str, DeviceService] = {}
        self._published: list[models.Published] = []
        self._shared = models.find_shared()

    def steps(self) -> Iterator[tuple[str, Step]]:
        """Every step by its name, in order."""
        first, *others = self._plan.connections
        yield "begin", self._begin
        yield "ready", lambda: self._ready("ours")
        yield "described", self._described
        yield "all ready", lambda: self._ready(*self._services)
        yield from self._legs(first)
        yield "published", self._check_published
        yield "loads at once", self._load_together
        yield "lost device", lambda: faults.lose_device(self._at("lost"), _END_LIMIT_S)
        yield "no memory", self._load_without_memory
        yield "shadow", lambda: faults.show_shadow(self._at("shadow"), self._plan.device, 10.0)
        yield "no wait", lambda: enqueue_without_waiting(self._plan.device)
        for count in others:
            yield from self._legs(count)
        yield "SIGTERM", lambda: faults.stop_under_load(self._at("ours"), MODEL)

    def _legs(self, connections: int) -> Iterator[tuple[str, Step]]:
        sides = ("ours", "cpu", *(("wide budget",) if self._plan.device == "cuda" else ()))
        for model, side in product(self._plan.loaded, sides):
            name = f"load {model}, {connections} connections, {side}"
            yield name, partial(self._leg, side, model, connections)

    def end(self) -> dict[str, Any]:
        """End what still runs; what each has complained of."""
        shown = {}
        for name, service in self._services.items():
            code = service.end()
            shown[name] = {"code": code, "complaints": service.complaints()[-5:]}
            service.close()
        return {"services": shown}

    def _begin(self) -> dict[str, Any]:
        """Begin every service, so that they import, compile and warm up side by side."""
        demo, device = models.make_demo_store(self._folder / "demo"), self._plan.device
        self._store = models.make_store(self._folder / "ours")
        self._start("ours", DeviceService(self._store, device))
        self._start("cpu", DeviceService(self._store, "cpu"))
        if device == "cuda":
            wide = (_ALTERED, "budget-s", WIDE_BUDGET_S)
            self._start("wide budget", DeviceService(self._store, device, program=wide))
        shadow = {"FFF_SHADOW_RATIO": "1"}
        self._start("shadow", DeviceService(demo, device, shadow))
        self._start("lost", DeviceService(demo, device, program=(_ALTERED, "lost")))
        if self._shared is not None:
            store = self._folder / "published"
            self._published = models.publish_checkpoints(self._shared, store, self._plan.images)
            self._start("published", DeviceService(store, device, program=COMMAND))
        return {"services": [*self._services], "shared": str(self._shared)}

    def _start(self, name: str, service: DeviceService) -> None:
        service.begin()
        self._services[name] = service

    def _at(self, name: str) -> DeviceService:
        """A service, ready."""
        service = self._services[name]
        left_s = self._ends_s - time.monotonic()
        service.await_ready(max(1.0, min(self._plan.ready_limit_s, left_s)))
        return service

    def _ready(self, *names: str) -> dict[str, Any]:
        """Wait for each; what did not become ready, or was not begun, says why."""
        shown: dict[str, Any] = {}
        for name in names:
            try:
                shown[name] = self._at(name).ready_s
            except (LoadTestError, KeyError) as exc:
                shown[name] = f"{type(exc).__name__}: {exc}"[:1000]
        return {"ready_s": shown}

    def _described(self) -> dict[str, Any]:
        shown = checks.described(self._at("ours"))
        try:
            checks.require_device(shown, self._plan.device)
        except ParityError as exc:  # what is shown says more
            return shown | {"error": str(exc)}
        return shown

    def _check_published(self) -> dict[str, Any]:
        if self._shared is None:
            return {"skipped": "no folder of checkpoints"}
        service, count = self._at("published"), self._plan.images
        pixels = models.test_pixels(self._shared, count)
        labels = models.test_labels(self._shared, count)
        shown = {
            one.name: checks.check_published(service, one, pixels, labels)
            for one in self._published
        }
        return {"images": len(pixels), "published": shown}

    def _leg(self, service: str, model: str, connections: int) -> dict[str, Any]:
        ready, bodies = self._at(service), models.bodies_for(model)
        return run_leg(ready, model, bodies, connections, self._plan.leg_s)

    def _load_together(self) -> dict[str, Any]:
        return faults.load_together(self._at("ours"), self._store, (MODEL, models.WIDE))

    def _load_without_memory(self) -> dict[str, Any]:
        ours, device = self._at("ours"), self._plan.device
        return faults.load_without_memory(ours, self._store, device, MODEL)
