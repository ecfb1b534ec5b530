"""
The protocol's model repository: what the store holds, and loading and unloading while serving.

Covered:      what is in the store, what is served of it and why the rest is not; the newest version
              of a model replaces the one served, which answers what it has accepted; a load that
              fails changes nothing.
Not covered:  who may do so (`service.admin_key`), the bodies of HTTP (`service.http`).

One load or unload of a model goes on at a time; others wait for their turn.
"""

import asyncio
import logging
from functools import partial
from typing import Literal
from weakref import WeakValueDictionary

from fff.errors import DeviceLost
from fff.malloc import KEPT_BYTES, give_back_freed_memory
from model_store.errors import StoreMissing, StoreUnreachable
from service.engine.admission import unavailable
from service.engine.engine import Engine
from service.engine.failures import OF_DEVICE
from service.engine.served_model import ServedModel
from service.engine.store_threads import StoreThreads
from service.errors import LoadFailed, Unavailable
from service.metrics.model_metrics import ModelMetrics

log = logging.getLogger(__name__)

LISTING_S = 10.0
"""For the store to be listed; a folder of 10,000 models takes well below a second."""
State = Literal["READY", "UNAVAILABLE", "LOADING"]


class Repository:
    """
    The store as an engine serves it.

    Args:
        engine: Serves the models, and has their store.
    """

    def __init__(self, engine: Engine):
        self._engine = engine
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._loading: set[str] = set()
        self._lists = StoreThreads("list-store", 1)
        self._listing: asyncio.Task[dict[str, list[int]]] | None = None

    async def index(self, ready: bool = False) -> list[dict[str, str]]:
        """
        List every version of every model of the store, and what is served without being there.

        Args:
            ready: Leave out what is not ready.

        Raises:
            Unavailable: The store does not answer.
        """
        stored = {name: [*versions] for name, versions in (await self._listed()).items()}
        for name, version in [*self._engine.loads.failures]:
            if not version and not stored.get(name):  # its folder cannot be listed
                stored[name] = [version]
        for name, served in self._engine.models.items():
            stored.setdefault(name, [])
            if served.facts.version not in stored[name]:
                stored[name].append(served.facts.version)
        entries = [
            self._entry(name, version, version == max(versions))
            for name, versions in sorted(stored.items())
            for version in sorted(versions)
        ]
        return [entry for entry in entries if entry["state"] == "READY" or not ready]

    async def load(self, name: str) -> None:
        """
        Serve the newest version of a model; if that is what is served, check it and go on.

        Returns once the version served before has answered everything it had accepted.

        Raises:
            ModelNotServed: No such model in the store.
            LoadFailed: It does not pass a check, or cannot run here; what was served still is.
            NotEnoughMemory: There is no room for it.
            Unavailable: The service is starting or draining.
        """
        self._require_ready()
        async with self._turn(name):
            self._loading.add(name)
            try:
                served = self._engine.models.get(name)
                prepared = await self._engine.loads.prepare(name, served)
            except LoadFailed as exc:
                self._report(exc)
                raise
            finally:
                self._loading.discard(name)
            if prepared is not None:
                self._require_ready()  # a drain may have begun meanwhile
                former = self._engine.serve(prepared)
                size = prepared.facts.weight_bytes
                del prepared
                if former is not None:
                    await self._retire(former)
                    del former
                await self._give_back(size)

    async def unload(self, name: str) -> None:
        """
        Serve a model no longer; returns once it has answered everything it had accepted.

        Raises:
            ModelNotServed: It is not served.
            Unavailable: The service is starting or draining.
        """
        self._require_ready()
        async with self._turn(name):
            former = self._engine.model(name)
            self._engine.models = {k: v for k, v in self._engine.models.items() if k != name}
            await self._retire(former)
            facts = former.facts
            del former
            await self._give_back(facts.weight_bytes)
            log.info("model %s version %d unloaded", name, facts.version)

    async def _retire(self, former: ServedModel) -> None:
        """
        End a model that is no longer served: its accepted requests are answered first.

        A request that found it before and is still being read is answered and counted too.
        """
        retired = asyncio.Event()
        # The worker keeps what it calls, and is not to keep the model that has it.
        former.worker.retire(partial(self._rest, former.facts.name, former.metrics, retired))
        await retired.wait()
        if self._engine.observer is not None:
            self._engine.observer.forget(former)

    def _rest(self, name: str, metrics: ModelMetrics, retired: asyncio.Event) -> None:
        """End the series of a model that has answered all; again, where it was asked later."""
        successor = self._engine.models.get(name)
        try:
            metrics.end(successor.metrics if successor is not None else None)
        finally:
            retired.set()

    async def _give_back(self, weight_bytes: int) -> None:
        """Give the memory of a model back that has been left behind; its last name is gone."""
        if weight_bytes >= KEPT_BYTES:
            await self._lists.run(give_back_freed_memory)

    def _report(self, failed: LoadFailed) -> None:
        """Log why a load failed, whole where the client learns a part; a lost device ends all."""
        cause = failed.__cause__
        behind = cause if isinstance(cause, OF_DEVICE) else None
        log.warning("%s; what was served before still is", failed, exc_info=behind)
        if isinstance(cause, DeviceLost):
            self._engine.lose(cause)

    def _turn(self, name: str) -> asyncio.Lock:
        # Held by whoever waits for it, and gone with the last of them: names come from outside.
        return self._turns.setdefault(name, asyncio.Lock())

    def _require_ready(self) -> None:
        if self._engine.state != "ready":
            raise unavailable(self._engine.state, "models stay as they are")

    async def _listed(self) -> dict[str, list[int]]:
        """List the store: once for all who ask meanwhile, and none of them waits for ever."""
        if self._listing is None or self._listing.done():
            self._listing = asyncio.create_task(self._lists.run(self._stored))
        try:
            return await asyncio.wait_for(asyncio.shield(self._listing), LISTING_S)
        except TimeoutError as exc:
            log.warning("the store has not been listed within %g s", LISTING_S)
            raise Unavailable("the store does not answer") from exc

    def _stored(self) -> dict[str, list[int]]:
        try:
            return self._engine.store.contents()
        except StoreUnreachable as exc:
            log.warning("%s", exc)
            raise Unavailable("the store does not answer") from exc
        except StoreMissing:  # it has gone since the start
            log.warning("the store cannot be listed", exc_info=True)
            return {}

    def _entry(self, name: str, version: int, newest: bool) -> dict[str, str]:
        state, reason = self._state(name, version, newest)
        return {"name": name, "version": str(version), "state": state, "reason": reason}

    def _state(self, name: str, version: int, newest: bool) -> tuple[State, str]:
        served = self._engine.models.get(name)
        if served is not None and served.facts.version == version:
            if self._engine.state != "ready":
                return "UNAVAILABLE", self._engine.state
            hangs = self._engine.unready(name)
            if hangs is not None:
                return "UNAVAILABLE", hangs
            return "READY", self._engine.watch.problem(served)
        if newest and (self._engine.state == "starting" or name in self._loading):
            return "LOADING", ""
        failure = self._engine.loads.failures.get((name, version))
        if failure is not None:
            return "UNAVAILABLE", failure
        if served is not None:
            return "UNAVAILABLE", f"version {served.facts.version} is served"
        return "UNAVAILABLE", "unloaded"
