"""
Whether the files of what is served are still what was loaded.

Nothing that is served reads them, so a change harms nobody before the next start; that is why it
has to be told. A look takes one `stat` a model; a file is read only where that shows another one.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from model_store.errors import StoreError, StoreUnreachable, refusal
from model_store.files import Stamp
from model_store.store import Store
from service.engine.served_model import ServedModel
from service.engine.store_threads import StoreThreads

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Seen:
    """
    What was seen of a version's file.

    Attributes:
        good: Stamp of the file that holds what was loaded.
        latest: Stamp of the file at the latest look that found one.
        problem: What is wrong with it; empty if nothing is.
    """

    good: Stamp
    latest: Stamp
    problem: str = ""


class StoreWatch:
    """
    Looks at the files of served models from time to time.

    Args:
        store: Has the files.
        served: Reads what is served now, by name.
    """

    def __init__(self, store: Store, served: Callable[[], Mapping[str, ServedModel]]):
        self._store, self._served = store, served
        self._threads = StoreThreads("store-watch", 1)
        self._seen: dict[tuple[str, int, Stamp], _Seen] = {}
        self._task: asyncio.Task[None] | None = None
        self._away = False

    def begin(self) -> None:
        """Look every `watch_period_s` of the store, until the end."""
        self._task = asyncio.create_task(self._run())

    def end(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()

    def problem(self, model: ServedModel) -> str:
        """What was wrong with a served model's file at the latest look; empty if nothing."""
        seen = self._seen.get(_key(model)) if model.stamp is not None else None
        return seen.problem if seen is not None else ""

    async def look(self) -> None:
        """Look at every file once; log and count what has changed."""
        models = {_key(model): model for model in self._served().values() if model.stamp}
        self._seen = {key: self._seen.get(key) or _Seen(key[2], key[2]) for key in models}
        for key, model in models.items():
            seen = self._seen[key]
            former = seen.problem
            try:
                await self._threads.run(_look, self._store, model, seen)
            except StoreUnreachable as exc:
                self._tell_away(exc)
                return
            if seen.problem and not former:
                model.metrics.store_changes.inc()
                log.warning("%s; what was loaded is still served", seen.problem)
            elif former and not seen.problem:
                log.info("model %s version %d: its file is again what was loaded", *key[:2])

        self._tell_back()

    def _tell_away(self, exc: StoreUnreachable) -> None:
        """Say once that a remote store is away: no file has changed, so nothing is counted."""
        if not self._away:
            log.warning("%s; what was loaded is still served", exc)
        self._away = True

    def _tell_back(self) -> None:
        if self._away:
            log.info("the store answers again")
        self._away = False

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._store.watch_period_s)
            await self.look()


def _key(model: ServedModel) -> tuple[str, int, Stamp]:
    assert model.stamp is not None
    return model.facts.name, model.facts.version, model.stamp


def _look(store: Store, model: ServedModel, seen: _Seen) -> None:
    name, version = model.facts.name, model.facts.version
    try:
        stamp = store.stamp(name, version)
        is_new = stamp not in (seen.good, seen.latest)
        seen.latest = stamp
        if is_new:
            store.check(name, version, model.manifest)
            seen.good = stamp
        if stamp == seen.good:
            seen.problem = ""
    except StoreUnreachable:
        raise
    except StoreError as exc:
        seen.problem = str(exc)
    except OSError as exc:
        seen.problem = f"model {name!r} version {version}: {refusal(exc, 'read it')}"
