"""
The protocol's model repository: what the store holds, and loading and unloading while serving.

Covered:      the newest version of a model replaces the one served, which answers what it has
              accepted; a load that fails changes nothing.
Not covered:  who may do so (`service.admin_key`), the bodies of HTTP (`service.http`).

One load or unload of a model goes on at a time; others wait for their turn.
"""

import asyncio
import logging
from typing import Literal
from weakref import WeakValueDictionary

from fff.errors import DeviceLost
from model_store.errors import ModelNotFound, StoreError
from service.engine.admission import unavailable
from service.engine.engine import Engine
from service.engine.failures import OF_DEVICE, OF_LOADING, for_client
from service.engine.loading import Prepared
from service.engine.served_model import ServedModel
from service.errors import LoadFailed, ModelNotServed

log = logging.getLogger(__name__)

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
        self._failures: dict[tuple[str, int], str] = {}  # why a version could not be loaded

    async def index(self, ready: bool = False) -> list[dict[str, str]]:
        """
        List every version of every model of the store, and what is served without being there.

        Args:
            ready: Leave out what is not ready.
        """
        stored = await asyncio.to_thread(self._stored)
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
                prepared = await asyncio.to_thread(self._prepare, name)
            except LoadFailed as exc:
                self._report(exc)
                raise
            finally:
                self._loading.discard(name)
            if prepared is not None:
                self._require_ready()  # a drain may have begun meanwhile
                former = self._engine.serve(prepared)
                if former is not None:
                    await self._retire(former)

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
            log.info("model %s version %d unloaded", name, former.facts.version)

    async def _retire(self, former: ServedModel) -> None:
        """
        End a model that is no longer served: its accepted requests are answered first.

        A request that found it before and is still being read is answered and counted too.
        """
        retired = asyncio.Event()

        def end() -> None:
            successor = self._engine.models.get(former.facts.name)
            try:
                former.metrics.end(successor.metrics if successor is not None else None)
                if self._engine.observer is not None:
                    self._engine.observer.forget(former)
            finally:
                retired.set()

        former.worker.retire(end)
        await retired.wait()

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

    def _prepare(self, name: str) -> Prepared | None:
        """Check and warm a model's newest version; None if that is what is served."""
        store, served = self._engine.store, self._engine.models.get(name)
        version = 0
        try:
            version = store.versions(name)[-1]
            checkpoint = store.load(name, version)
            if served is not None and (version, checkpoint.manifest) == served.identity:
                return None
            prepared = self._engine.loader.prepare(checkpoint)
        except ModelNotFound as exc:
            raise ModelNotServed(str(exc)) from exc
        except OF_LOADING as exc:
            failure = for_client(name, exc)
            if version:
                self._failures[name, version] = str(failure)
            raise failure from exc
        self._failures.pop((name, version), None)
        return prepared

    def _stored(self) -> dict[str, list[int]]:
        store = self._engine.store
        try:
            return {name: store.versions(name) for name in store.models()}
        except (StoreError, OSError):  # it has gone, in part or whole, since the start
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
            return ("READY", "") if hangs is None else ("UNAVAILABLE", hangs)
        if newest and (self._engine.state == "starting" or name in self._loading):
            return "LOADING", ""
        if (name, version) in self._failures:
            return "UNAVAILABLE", self._failures[name, version]
        if served is not None:
            return "UNAVAILABLE", f"version {served.facts.version} is served"
        return "UNAVAILABLE", "unloaded"
