"""
The heart of the service: loads and warms the models, admits requests, answers each once.

Covered:      start-up in the background, futures, draining, a lost device.
Not covered:  what is accepted (`admission`), the steps of one prediction (`prediction`), replacing
              models on request (`repository`), HTTP, bytes. The engine takes arrays and raises
              `service.errors`.
"""

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from fff.backends import choose_device, pinned_bytes, reserved_device_bytes
from fff.errors import DeviceLost
from model_store.store import Store
from service.engine.admission import NOT_ACCEPTED, State, require_room, unavailable
from service.engine.loading import Loader, Prepared
from service.engine.offload import Offload
from service.engine.served_model import ModelObserver, ServedModel, take_as_long
from service.errors import ModelNotServed
from service.job import Answer, Job
from service.metrics.registry import Metrics
from service.request_id import current
from service.settings import Settings

log = logging.getLogger(__name__)

HANGING_S = 60.0  # no batch of any model tried here has taken a second
LOST_GRACE_S = 5.0
"""For batches under way when the device is lost: one may hang where another one failed."""


class Engine:
    """
    Serves the newest version of every model of a store.

    Args:
        settings: Of the service.
        store: Holds the models; every one of it is served.
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
        metrics.ready.set_function(lambda: self.state == "ready")
        self.models: dict[str, ServedModel] = {}
        self.accepted = 0
        self.answered = 0
        self.store = store
        self.inflight: Counter[str] = Counter()  # accepted and not yet answered, by model
        self.observer: ModelObserver | None = None
        self.on_lost: Callable[[DeviceLost], None] | None = None
        self.offload = Offload()
        self._idle = asyncio.Event()
        self._idle.set()

    async def start(self) -> None:
        """
        Load, check and warm every model; ready afterwards.

        Raises:
            StoreError: A checkpoint that does not hold what its manifest says.
            DeviceUnavailable: The device asked for is not there.
            BackendUnavailable: The backend asked for cannot run on it.
            NoMemory: A model for which it has not memory enough.
            WarmupFailed: A model that does not answer as it should.
            DeviceLost: The device failed meanwhile.
        """
        self._loop = asyncio.get_running_loop()
        # More threads than asked for would fight for the cores with other models' workers.
        torch.set_num_threads(self.settings.compute_threads)
        device = choose_device(self.settings.device)
        log.info("device %s (%s)", device.torch_device, device.reason)
        self.metrics.device_memory.set_function(lambda: reserved_device_bytes(device.torch_device))
        self.metrics.pinned_memory.set_function(pinned_bytes)
        self.loader = Loader(self.settings, self.metrics, device)
        for prepared in await asyncio.to_thread(self._prepare_all):
            self.serve(prepared)
        if self.state == "starting":  # a stop may have come first
            self.state = "ready"
            log.info("ready: %s", ", ".join(self.models) or "the store holds no models")

    def model(self, name: str, version: str | None = None) -> ServedModel:
        """
        Find a served model.

        Raises:
            ModelNotServed: Naming what is served.
            Unavailable: While models are still being loaded.
        """
        served = self.models.get(name)
        if served is None:
            if self.state == "starting":
                raise unavailable("starting", "models are being loaded")
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
        stats = [m.metrics.statistics.show(m.facts.name, str(m.facts.version)) for m in models]
        return {"model_stats": stats}

    def submit(
        self,
        model: ServedModel,
        x: npt.NDArray[np.float32],
        deadline_s: float = math.inf,
        timed: bool = False,
    ) -> asyncio.Future[Answer]:
        """
        Accept rows to be computed. Whoever stops waiting cancels the future.

        Args:
            model: What `model` has found.
            x: `[r, i]`, float32, at least one row.
            deadline_s: In the clock of `time.monotonic`; later, waiting rows are given up.
            timed: Ask for a batch of its own, to be timed and not to be counted: a repetition.

        Returns:
            The answer; or DeadlinePassed, InvalidInput, ComputeFailed; or Unavailable, where the
            device is lost before its turn comes.

        Raises:
            TooLarge, Overloaded, Unavailable: Not accepted.
        """
        if self.state != "ready":
            raise unavailable(self.state, NOT_ACCEPTED)
        require_room(model.worker.batcher, len(x), model.worker.rows_per_s)
        future: asyncio.Future[Answer] = self._loop.create_future()
        self.accepted += 1
        self.inflight[model.facts.name] += 1
        self._idle.clear()
        model.worker.submit(Job(x, future, time.monotonic(), deadline_s, timed, current()))
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
            prepared, self._settle, self.lose, self.inflight.__getitem__, measured_rows
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

    def drain(self) -> None:
        """Refuse new requests from now on; those accepted go on."""
        if self.state != "failed":
            self.state = "draining"
        for served in self.models.values():
            served.worker.draining = True

    async def stop(self) -> None:
        """Answer what was accepted, then end the compute threads."""
        self.drain()
        try:
            async with asyncio.timeout(LOST_GRACE_S if self.state == "failed" else None):
                await self._idle.wait()
            for served in self.models.values():
                served.worker.close()
        except TimeoutError:
            log.error("%d requests are not answered", self.accepted - self.answered)
        log.info("stopped: accepted %d requests, answered %d", self.accepted, self.answered)

    @property
    def healthy(self) -> bool:
        """
        Whether a new start would mend nothing; that the event loop lives, the answer shows.

        False if a model's computation hangs or the device is lost.
        """
        begun = (served.worker.running_since_s for served in self.models.values())
        now_s = time.monotonic()
        hangs = any(since_s is not None and now_s - since_s >= HANGING_S for since_s in begun)
        return self.state != "failed" and not hangs

    def _settle(self, name: str, job: Job, result: Answer | Exception) -> None:
        self.answered += 1
        self.inflight[name] -= 1
        if self.answered == self.accepted:
            self._idle.set()
        if job.future.done():  # cancelled: nobody waits any more
            return
        if isinstance(result, Exception):
            job.future.set_exception(result)
        else:
            job.future.set_result(result)

    def _prepare_all(self) -> list[Prepared]:
        return [self.loader.prepare(self.store.load(name)) for name in self.store.models()]
