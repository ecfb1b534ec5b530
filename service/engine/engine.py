"""
The heart of the service: loads and warms the models, admits requests, answers each once.

Covered:      start-up in the background, draining, a lost device.
Not covered:  what is accepted (`admission`) and answered (`open_requests`), the steps of one
              prediction (`prediction`), replacing models on request (`repository`), HTTP, bytes.
              The engine takes arrays and raises `service.errors`.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from typing import Any

import torch

from fff.backends import choose_device
from fff.device_memory import pinned_bytes, reserved_device_bytes
from fff.errors import DeviceLost
from model_store.store import Store
from networks.ragged import cost_of
from service.engine.admission import ACCEPTING, NOT_ACCEPTED, State, require_room, unavailable
from service.engine.loading import Loader, Prepared
from service.engine.offload import Offload
from service.engine.open_requests import OpenRequests
from service.engine.readiness import hanging, hangs, obstacle
from service.engine.served_model import ModelObserver, ServedModel, take_as_long
from service.engine.store_loads import StoreLoads
from service.engine.store_watch import StoreWatch
from service.errors import ModelNotServed
from service.job import Answer, Job, Rows
from service.metrics.registry import Metrics
from service.request_id import current
from service.settings import Settings

log = logging.getLogger(__name__)


class Engine:
    """
    Serves the newest version of every model of a store that can be loaded.

    Args:
        settings: Of the service.
        store: Holds the models.
        metrics: Counts what is admitted, computed and answered.

    Attributes:
        models: What is served, by name; replaced, never changed.
        observer: Follows which models are served.
        offload: Threads for large bodies and answers, which outlive `stop`.
        on_lost: Told once of a lost device, on the event loop; is to end the process.
    """

    def __init__(self, settings: Settings, store: Store, metrics: Metrics):
        self.settings = settings
        self.metrics = metrics
        self.state: State = "starting"
        metrics.ready.set_function(lambda: self.unready() is None)
        self.models: dict[str, ServedModel] = {}
        self.requests = OpenRequests()
        self.store = store
        self.loads = StoreLoads(store, metrics)
        metrics.models_failed.set_function(lambda: len(self.loads.missing(self.models)))
        self.watch = StoreWatch(store, lambda: self.models)
        self.observer: ModelObserver | None = None
        self.on_lost: Callable[[DeviceLost], None] | None = None
        self.offload = Offload()

    async def start(self) -> None:
        """
        Load, check and warm every model; ready afterwards.

        Raises:
            DeviceUnavailable: The device asked for is not there.
            Exception: As `StoreLoads.prepare_all`.
        """
        self._loop = asyncio.get_running_loop()
        # More threads than asked for would fight for the cores with other models' workers.
        torch.set_num_threads(self.settings.compute_threads)
        device = choose_device(self.settings.device)
        log.info("device %s (%s)", device.torch_device, device.reason)
        log.info("loading models")
        self.metrics.device_memory.set_function(lambda: reserved_device_bytes(device.torch_device))
        self.metrics.pinned_memory.set_function(pinned_bytes)
        self.loader = self.loads.loader = Loader(self.settings, self.metrics, device)
        for prepared in await self.loads.prepare_all(lambda: self.state == "starting"):
            self.serve(prepared)
        if self.state == "starting":  # a stop may have come first
            self.state = "ready"
            self.watch.begin()

    def model(self, name: str, version: str | None = None) -> ServedModel:
        """
        Find a served model.

        Raises:
            ModelNotServed: Naming what is served.
            Unavailable: While models are still being loaded, or the service stops without it.
        """
        served = self.models.get(name)
        if served is None:
            if self.state not in ACCEPTING:  # a stop amid the start has loaded nothing
                loading = self.state == "starting"
                raise unavailable(
                    self.state, "models are being loaded" if loading else NOT_ACCEPTED
                )
            known = ", ".join(self.models) or "none"
            raise ModelNotServed(f"model {name!r} is not served; served: {known}")
        if version is not None and version != str(served.facts.version):
            raise ModelNotServed(
                f"model {name!r} version {version!r} is not served; served: {served.facts.version}"
            )
        return served

    def served(self, name: str) -> ServedModel | None:
        """What is served under a name now."""
        return self.models.get(name)

    def statistics(self, name: str | None = None, version: str | None = None) -> dict[str, Any]:
        """
        Count what a model, or each, has done since it was loaded: the protocol's `model_stats`.

        Raises:
            ModelNotServed, Unavailable: As `model` does.
        """
        models = [self.model(name, version)] if name is not None else self.models.values()
        return {"model_stats": [model.statistics() for model in models]}

    def submit(
        self,
        model: ServedModel,
        x: Rows,
        deadline_s: float = math.inf,
        timed: bool = False,
        observed: bool = True,
    ) -> asyncio.Future[Answer]:
        """
        Accept rows to be computed. Whoever stops waiting cancels the future.

        Args:
            model: What `model` has found.
            x: `[r, i]`, float32, at least one row; or token ids, `[r, t]`, int32, `NO_TOKEN` of
                `networks.ragged` behind the last of each row.
            deadline_s: In the clock of `time.monotonic`; later, waiting rows are given up.
            timed: Ask for a batch of its own, to be timed and not to be counted: a repetition.
            observed: Let leaf statistics count the rows.

        Returns:
            The answer; or DeadlinePassed, InvalidInput, ComputeFailed; or Unavailable, where the
            device is lost before its turn comes.

        Raises:
            TooLarge, Overloaded, Unavailable: Not accepted.
        """
        if self.state not in ACCEPTING:
            raise unavailable(self.state, NOT_ACCEPTED)
        if model.worker.running_since_s is not None and hangs(model):
            raise hanging(model)
        rows = len(x)
        tokens = rows if x.dtype.kind == "f" else cost_of(x)
        require_room(model.worker.batcher, rows, tokens, model.worker.tokens_per_s)
        future: asyncio.Future[Answer] = self._loop.create_future()
        job = Job(x, future, time.monotonic(), deadline_s, timed, observed, current(), tokens)
        self.requests.add(model.facts.name, job)
        model.worker.submit(job)
        return future

    def serve(self, prepared: Prepared) -> ServedModel | None:
        """
        Serve a model from now on.

        Returns:
            What was served under its name until now, to be retired (`repository`).
        """
        name = prepared.facts.name
        former = self.models.get(name)
        measured_rows = 0
        if former is not None and take_as_long(former.facts, prepared.facts):
            measured_rows = former.worker.inline_rows
        served = self.loader.serve(
            prepared,
            self.requests.settle,
            self.lose,
            self.requests.inflight,
            measured_rows,
        )
        self.models = dict(sorted((self.models | {name: served}).items()))
        if self.observer is not None:
            self.observer.watch(served)
        return former

    def lose(self, loss: DeviceLost) -> None:
        """
        Give up a device: refuse new requests, answer those that wait, have the process ended.

        Nothing less mends it: what this process asks of it later fails too.
        """
        if self.state == "failed":
            return
        self.state = "failed"
        log.error("the service ends, to be started again: %s", loss, exc_info=loss)
        for served in self.models.values():
            served.worker.give_up()
        if self.on_lost is not None:
            self.on_lost(loss)

    def announce_stop(self) -> None:
        """Be no longer ready, for balancers to see; requests are still accepted."""
        if self.state == "ready":
            self.state = "terminating"

    def drain(self) -> None:
        """Refuse new requests from now on; those accepted go on."""
        if self.state != "failed":
            self.state = "draining"
        for served in self.models.values():
            served.worker.draining = True

    def give_up(self) -> int:
        """Refuse what is accepted and not computed, for want of time; returns how many that are."""
        return self.requests.give_up(unavailable(self.state, "these rows have not been computed"))

    async def stop(self) -> None:
        """Answer what was accepted, then end the compute threads; one that hangs is left alone."""
        self.drain()
        self.watch.end()
        await self.requests.all_answered()
        for worker in (served.worker for served in self.models.values()):
            if worker.running_since_s is None:
                worker.close()
        accepted, answered = self.requests.accepted, self.requests.answered
        log.info("stopped: accepted %d requests, answered %d", accepted, answered)

    @property
    def healthy(self) -> bool:
        """
        Whether a new start would mend nothing; that the event loop lives, the answer shows.

        False if a model's computation hangs or the device is lost.
        """
        return self.state != "failed" and not any(map(hangs, self.models.values()))

    def unready(self, name: str | None = None) -> str | None:
        """Say why the service, or the model of a name alone, is not ready; None where it is."""
        models = [m for m in self.models.values() if name in (None, m.facts.name)]
        required = self.settings.require_all_models and name is None
        return obstacle(self.state, models, self.loads.missing(self.models) if required else [])
