"""
An engine that serves one version of one model, for whoever asks it himself: a command.

It is the service's own engine, from the checks of the weights to the answer of each row, and so
its answers are the service's, to the last bit.

Covered:      loading that version and no other.
Not covered:  which rows (`service.cli.offline`).
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from model_store.store import Store
from service.engine.engine import Engine
from service.engine.loading import Prepared
from service.engine.served_model import ServedModel
from service.engine.store_loads import StoreLoads
from service.metrics.registry import Metrics
from service.settings import Settings


@asynccontextmanager
async def serving_one(
    settings: Settings, store: Store, name: str, version: int | None = None
) -> AsyncIterator[tuple[Engine, ServedModel]]:
    """
    Serve a version of a model, the newest by default, until the block ends.

    Raises:
        StoreError: It is not there, or does not pass a check.
        DeviceUnavailable, BackendUnavailable: What the settings ask for is not there.
        NoMemory, WarmupFailed, DeviceLost: As `Loader.prepare`.
    """
    metrics = Metrics(settings.max_batch_rows, settings.leaf_series_limit)
    engine = Engine(settings, store, metrics)
    engine.loads = _OneLoad(store, metrics, name, version)
    try:
        await engine.start()
        yield engine, engine.model(name)
    finally:
        await engine.stop()
        engine.offload.close()


class _OneLoad(StoreLoads):
    """Loads a version of a model in place of all of a store's."""

    def __init__(self, store: Store, metrics: Metrics, name: str, version: int | None):
        super().__init__(store, metrics)
        self._wanted = name, version

    async def prepare_all(self, go_on: Callable[[], bool]) -> list[Prepared]:
        """Here, not in a thread: nobody else waits for the event loop."""
        return [self.loader.prepare(self.store.load(*self._wanted))]
