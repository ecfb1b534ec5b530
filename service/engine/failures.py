"""
Why a model could not be made ready: for a client, and for whoever starts the service.

Covered:      which failures are a model's or a device's; their text without paths and insides;
              their text with what lies behind them, in one line.
Not covered:  failures of a prediction (`service.errors`).
"""

from fff.errors import BackendUnavailable, DeviceLost
from model_store.errors import CacheUnusable, StoreError, StoreMissing, StoreUnreachable
from service.engine.loading import NoMemory, lacks_memory
from service.engine.warmup import WarmupFailed
from service.errors import LoadFailed, NotEnoughMemory, StoreAway

OF_DEVICE = (BackendUnavailable, NoMemory, MemoryError, DeviceLost)
"""Something lies behind these that a client may not know, and the log must."""
OF_SERVICE = (BackendUnavailable, DeviceLost)
"""Of these that are no one model's: what the settings ask for is not to be had here."""
OF_LOADING = (StoreError, OSError, WarmupFailed, *OF_DEVICE)


def for_client(name: str, failure: Exception) -> LoadFailed:
    """
    Say why a model could not be loaded.

    Args:
        name: Of the model.
        failure: One of `OF_LOADING`.
    """
    if isinstance(failure, StoreUnreachable):
        kind: type[LoadFailed] = StoreAway
    else:
        kind = NotEnoughMemory if lacks_memory(failure) else LoadFailed
    return kind(f"model {name!r} cannot be loaded: {_client_text(failure)}")


def _client_text(failure: Exception) -> str:
    if isinstance(failure, StoreMissing):
        return "the store is not there"
    if isinstance(failure, StoreUnreachable):
        return "the store does not answer"
    if isinstance(failure, CacheUnusable):
        return "the cache for it cannot be written, or has no room"
    if lacks_memory(failure):
        return "there is not enough memory for it beside what is served"
    if isinstance(failure, DeviceLost):
        return "the device failed"
    return str(failure.strerror) if isinstance(failure, OSError) else str(failure)


def for_operator(failure: Exception) -> str:
    """Say why the service ends, in one line, with the first of what lies behind it."""
    text = str(failure) or type(failure).__name__
    if isinstance(failure, DeviceLost):
        return f"the device is lost: {text}"
    if isinstance(failure, OF_DEVICE) and failure.__cause__ is not None:
        behind = str(failure.__cause__).strip() or type(failure.__cause__).__name__
        return f"{text}: {behind.splitlines()[0]}"
    return text
