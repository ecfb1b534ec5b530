"""Points, reports and small checkpoints that nobody measured or trained."""

from collections.abc import Sequence

import torch
from hypothesis import strategies as st

from evaluation.report.images import error_of_share
from evaluation.report.machine import Machine
from evaluation.report.merit import ACCURACY
from evaluation.report.points import Cost, Point, Spread
from evaluation.report.quality import Quality
from evaluation.report.report import Report, report_of
from evaluation.timing import RowTime
from fff.layers import FFF, Dense
from fff.weights import Weights
from model_store.manifest import TrainingOrigin, Uint8Scaling
from model_store.store import Checkpoint, Store

MACHINE = Machine("A processor", 2, "3.11", "2.13", 0.1, "2026-11-27 10:00 UTC")
COMMAND = "fff-serve report --data digits"
SCALING = Uint8Scaling(scale=2 / 16, shift=-1.0)


def row_time(us: float, noise: float = 0.0, rows: int = 1) -> RowTime:
    return RowTime(rows, us, us * (1 - noise), us * (1 + noise), 16)


def point(
    family: str,
    flops: int,
    accuracy: float,
    sd: float | None = 0.0,
    seeds: int = 3,
    us: float | None = None,
    noise: float = 0.0,
    label: str = "",
    **shape: int,
) -> Point:
    """Bytes and time go with the FLOPs unless told otherwise."""
    time = row_time(float(us or flops / 1000), noise)
    same = Spread(0.01, None if seeds == 1 else 0.0, 0.01, 0.01, seeds)
    hard = Spread(accuracy, None if seeds == 1 else sd, accuracy, accuracy, seeds)
    tree = family not in ("dense", "low_rank", "mixture")
    return Point(
        family=family,
        recipe="ours",
        shape=shape,
        label=label or f"w{flops}",
        test_rows=10_000,
        merit=ACCURACY,
        figures={
            "hard_accuracy": hard,
            "soft_accuracy": hard,
            "gap_points": same,
            "leaves_used": Spread(8.0 * tree, 0.0, 8.0 * tree, 8.0 * tree, seeds),
            "largest_share": same if tree else None,
            "calibration_error": same,
            "training_accuracy": None,
        },
        leaves=8 * tree,
        cost=Cost(flops, 4 * flops, 40 * flops, time, time, time, "numba", "numba", "numba"),
        models=[_quality(f"{family}-{flops}-{seed}", seed, accuracy) for seed in range(seeds)],
    )


some_points = st.lists(
    st.builds(
        point,
        st.sampled_from(["fff", "dense", "mixture"]),
        st.integers(1, 30),
        st.integers(90, 99).map(lambda percent: percent / 100),
        st.sampled_from([0.0, 0.005, 0.02]),
        st.integers(1, 4),
        noise=st.sampled_from([0.0, 0.2]),
    ),
    min_size=1,
    max_size=8,
)


def report(points: Sequence[Point], data: str = "digits") -> Report:
    return report_of(points, data, 10_000, 1, COMMAND, MACHINE)


def publish(
    store: Store,
    name: str,
    weights: Weights,
    seed: int,
    /,
    trained_on: str | None = None,
    tested_on: str | None = None,
    **recipe: str | int | float | bool,
) -> Checkpoint:
    """Publish weights as if they had been trained, on images of that SHA-256."""
    metrics = {"train_hard_accuracy": 0.5}
    fields = {"name": "ours", **recipe}
    origin = TrainingOrigin(
        recipe=fields,
        seed=seed,
        data_sha256=trained_on,
        test_sha256=tested_on,
        metrics=metrics,
    )
    return store.publish(name, weights, origin=origin, uint8=SCALING)


def fff(seed: int, depth: int = 2, leaf: int = 2, master: int = 0, inputs: int = 64) -> Weights:
    torch.manual_seed(seed)
    return FFF(inputs, 10, depth, leaf, master_width=master).weights()


def dense(seed: int, width: int = 6, inputs: int = 64) -> Weights:
    torch.manual_seed(seed)
    return Dense(inputs, 10, width).weights()


def _quality(name: str, seed: int, accuracy: float) -> Quality:
    figures = {
        "hard_accuracy": accuracy,
        "soft_accuracy": accuracy,
        "gap_points": 0.0,
        "leaves_used": 8,
        "largest_share": 1.0,
        "calibration_error": 0.01,
        "training_accuracy": None,
    }
    return Quality(name, 1, seed, figures, 8, error_of_share(accuracy, 10_000))
