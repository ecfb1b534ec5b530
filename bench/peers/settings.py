"""
What each framework is set to, and what was tried beside it.

`bench.http` runs the first of a framework's settings, `python -m bench.http.tuning` compares all of
them with it. First is whose requests a second have the greatest geometric mean over the loads; what
came is in the adapters' docstrings. Also here: the variables that say to a framework's processes
what they serve, and where.

Imported by the bench and inside the frameworks' environments: the standard library is all it needs.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

Settings = Mapping[str, int | float | bool]

BATCHING = "mosec-batching"  # mosec again: no one setting of it is best at 1 connection and at 64
STORE, MODEL, PORT = "BENCH_PEER_STORE", "BENCH_PEER_MODEL", "BENCH_PEER_PORT"
OWN_SETTINGS = "BENCH_PEER_SETTINGS"  # as JSON
"""Variables that the bench sets: frameworks start their workers in processes of their own."""


def _mosec(max_batch_size: int, max_wait_time: int = 1, num: int = 1) -> Settings:
    return {"max_batch_size": max_batch_size, "max_wait_time": max_wait_time, "num": num}


def _litserve(
    max_batch_size: int,
    batch_timeout: float = 0.001,
    fast_queue: bool = True,
    workers_per_device: int = 1,
    num_api_servers: int = 1,
) -> Settings:
    return {
        "max_batch_size": max_batch_size,
        "batch_timeout": batch_timeout,
        "fast_queue": fast_queue,
        "workers_per_device": workers_per_device,
        "num_api_servers": num_api_servers,
    }


def _bentoml(batchable: bool, max_latency_ms: int = 60_000, workers: int = 1) -> Settings:
    return {"batchable": batchable, "max_latency_ms": max_latency_ms, "workers": workers}


def _mlserver(max_batch_size: int, max_batch_time: float) -> Settings:
    return {"max_batch_size": max_batch_size, "max_batch_time": max_batch_time}


SETTINGS: dict[str, tuple[Settings, ...]] = {
    "mosec": (
        _mosec(1),  # its default: no batches, and so no window
        _mosec(1, num=2),
        _mosec(64),
        _mosec(32),
        _mosec(16),
        _mosec(16, num=2),
    ),
    BATCHING: (_mosec(64),),
    "litserve": (
        _litserve(64, num_api_servers=2),
        _litserve(64, num_api_servers=2, fast_queue=False),
        _litserve(64),
        _litserve(64, fast_queue=False),
        _litserve(16),
        _litserve(64, 0.005),
        _litserve(1, 0.0),
        _litserve(1, 0.0, workers_per_device=2, num_api_servers=2),
    ),
    "bentoml": (
        _bentoml(False, workers=2),
        _bentoml(False),
        _bentoml(True),
        _bentoml(True, 100),
        _bentoml(True, workers=2),
    ),
    "mlserver": (
        _mlserver(0, 0.0),  # its default: no batches
        _mlserver(64, 0.001),
        _mlserver(16, 0.001),
    ),
}


def best_settings(name: str) -> Settings:
    """Settings with which a framework runs in `bench.http`: the first."""
    return SETTINGS[name][0]


def own_settings() -> dict[str, Any]:
    """Settings of this process, a framework's, from its environment."""
    settings: dict[str, Any] = json.loads(os.environ[OWN_SETTINGS])
    return settings
