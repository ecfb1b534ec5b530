"""
From a name to a model that is ready to serve, or to a reason why it cannot be.

Covered:      the newest version of a model, loaded and warmed in a thread of its own; what could
              not be loaded, and why, by version.
Not covered:  which model is served (`engine`), who asks (`engine` at the start, `repository`).
"""

import logging
from collections.abc import Callable, Container
from traceback import clear_frames

from model_store.errors import ModelNotFound
from model_store.store import Store
from service.engine.failures import OF_LOADING, OF_SERVICE, for_client, for_operator
from service.engine.loading import Loader, Prepared
from service.engine.served_model import ServedModel
from service.engine.store_threads import StoreThreads
from service.errors import LoadFailed, ModelNotServed
from service.metrics.registry import Metrics

log = logging.getLogger(__name__)

LOADS_AT_ONCE = 4
"""Of different models. One that hangs keeps its model waiting; four keep every other one."""


class StoreLoads:
    """
    Loads of one store.

    Args:
        store: Holds the models.
        metrics: Counts the loads that fail.

    Attributes:
        loader: Makes what is loaded ready; set once the device is known.
        failures: Why a version could not be loaded, for clients; version 0 where its model's folder
            does not tell any. Single operations on it need no lock.
    """

    loader: Loader

    def __init__(self, store: Store, metrics: Metrics):
        self.store = store
        self.failures: dict[tuple[str, int], str] = {}
        self._metrics = metrics
        self._threads = StoreThreads("load", LOADS_AT_ONCE)

    async def prepare_all(self, go_on: Callable[[], bool]) -> list[Prepared]:
        """
        Check and warm every model of the store; one that cannot be loaded stops no other one.

        Args:
            go_on: Asked before each; a stop may come amid the start.

        Raises:
            StoreMissing: The store is not there.
            StoreError, OSError, NoMemory, WarmupFailed: There are models, and none can be loaded:
                why the first one cannot.
            BackendUnavailable: The backend asked for cannot run here.
            DeviceLost: The device failed, for good.
        """
        ready: list[Prepared] = []
        causes: list[Exception] = []
        for name in await self._threads.run(self.store.models):
            if not go_on():
                return ready
            prepared, cause = await self._tried(name)
            if prepared is not None:
                ready.append(prepared)
            elif cause is not None:
                causes.append(cause)
        if causes and not ready:
            raise causes[0]
        return ready

    async def _tried(self, name: str) -> tuple[Prepared | None, Exception | None]:
        try:
            return await self.prepare(name), None
        except (LoadFailed, ModelNotServed) as exc:  # or gone since it was listed
            cause = exc.__cause__
            assert isinstance(cause, Exception)
            if isinstance(cause, OF_SERVICE):
                raise cause from cause.__cause__
            log.error("not served: %s", for_operator(cause))
            return None, cause

    async def prepare(self, name: str, served: ServedModel | None = None) -> Prepared | None:
        """
        Check and warm a model's newest version; None if that is `served`.

        An older version is never taken in its place: what is served would change unseen.

        Raises:
            ModelNotServed: No such model in the store.
            LoadFailed: It does not pass a check, or cannot run here; the cause says more.
            NotEnoughMemory: There is no room for it.
        """
        return await self._threads.run(self._prepare, name, served)

    def missing(self, served: Container[str]) -> list[str]:
        """Names of models that could not be loaded, sorted, without those that are served."""
        return sorted({name for name, _ in [*self.failures] if name not in served})

    def _prepare(self, name: str, served: ServedModel | None) -> Prepared | None:
        version = 0
        try:
            version = self.store.versions(name)[-1]
            prepared = self._checked(name, version, served)
        except ModelNotFound as exc:
            self.failures.pop((name, 0), None)  # a store that was away could not tell
            raise ModelNotServed(str(exc)) from exc
        except OF_LOADING as exc:
            _let_go(exc)
            raise self._failed(name, version, exc) from exc
        self.failures.pop((name, 0), None)
        self.failures.pop((name, version), None)
        return prepared

    def _checked(self, name: str, version: int, served: ServedModel | None) -> Prepared | None:
        checkpoint = self.store.load(name, version)
        if served is not None and (version, checkpoint.manifest) == served.identity:
            return None
        return self.loader.prepare(checkpoint)

    def _failed(self, name: str, version: int, exc: Exception) -> LoadFailed:
        failure = for_client(name, exc)
        self.failures[name, version] = str(failure)
        self._metrics.load_failures.inc()
        return failure


def _let_go(failure: BaseException | None) -> None:
    """
    Free what the frames hold that a failure came through: the model that was being loaded.

    A failure lives on, in its answer and in log records; the lines of its traceback stay.
    """
    while failure is not None:
        clear_frames(failure.__traceback__)
        failure = failure.__cause__ or failure.__context__
