"""
`python -m bench.overhead.uncounted serve …`: the service with nothing counted.

It answers the same: requests, rows, durations, leaves and margins are merely not observed. Its
`/metrics` stays at 0, so it is of no use but to `bench.overhead.counting`.
"""

from typing import Any

from service.cli.main import main
from service.metrics.leaf_stats import LeafStats
from service.metrics.model_metrics import ModelMetrics


def _nothing(*_: Any) -> None:
    pass


for _of, _names in (
    (ModelMetrics, ("answered", "executed", "rejected")),
    (LeafStats, ("observe",)),
):
    for _name in _names:
        assert callable(getattr(_of, _name)), f"{_of.__name__} has no {_name}"
        setattr(_of, _name, _nothing)

if __name__ == "__main__":
    main()
