"""
The runs: which parts, in which order, with how many seconds for each.

A part is a process of its own with a limit of its own, so that a broken context or a hang costs
that part alone. The parts of a stage run beside each other: what is timed has a stage to itself.
The limits of a run's stages add up to less than the run's, so that all get their turn, but for
the last one, which takes what is left.
"""

from dataclasses import dataclass

CHECK_TUNED = "check-tuned"
"""The check of the launches that the sweep chose: if it fails, the default ones are kept."""
SERVICE = "service"
"""Of the service: not a part of `bench.gpu.parts` but a program of its own."""


@dataclass(frozen=True, slots=True)
class Plan:
    """
    A run.

    Attributes:
        limit_s: Of its wall time.
        stages: One after another: parts, with seconds for each.
    """

    limit_s: float
    stages: tuple[dict[str, float], ...]


CALLS = {
    "1": Plan(210, ({"check": 110, "sanitizer": 60, "tests": 95}, {"limits": 25}, {"kernels": 70})),
    "2": Plan(
        260,
        ({"tune": 75}, {CHECK_TUNED: 80}, {SERVICE: 75}, {"rivals": 24}, {"compiled": 60}),
    ),
    "3": Plan(150, ({"limits": 15}, {"grid": 105}, {"million": 25})),
}
_PROOF, _TUNING = ({"check": 110.0, "sanitizer": 60.0, "tests": 95.0},), ({"tune": 110.0},)
ALL = Plan(
    860,
    (
        *(*_PROOF, {"limits": 25.0}, {"kernels": 75.0}, *_TUNING, {CHECK_TUNED: 80.0}),
        *({"grid": 150.0}, {"million": 40.0}, {SERVICE: 90.0}, {"compiled": 120.0}),
    ),
)
BENCH = Plan(240, ({"limits": 25}, {"grid": 200}))
"""Of `make bench`."""
BESIDE = {"check": "interpreted"}
"""What a rehearsal runs in Triton's interpreter meanwhile."""
