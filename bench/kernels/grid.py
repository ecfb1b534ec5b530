"""What the kernel bench measures: shapes, batch sizes, routings, and weights warm or cold."""

from dataclasses import dataclass
from typing import Literal

from bench.networks import Shape
from bench.rows import Routing

SHAPES = (Shape(784, 10, 8, 4), Shape(768, 768, 24, 7), Shape(1024, 1024, 32, 9))
MORE_SHAPES = (
    Shape(784, 10, 16, 6),
    Shape(256, 256, 8, 6),
    Shape(768, 768, 1, 11),
    Shape(2048, 2048, 32, 8),
)
BATCHES = (1, 8, 32, 128, 512)  # powers of two: a lap of rows is whole batches
COLD_BATCHES = (1, 32)
QUICK_SHAPES, QUICK_BATCHES, QUICK_COLD_BATCHES = SHAPES[:1], (1, 8), (1,)
_ROUTINGS: tuple[Routing, ...] = ("balanced", "zipf", "single-leaf")


@dataclass(frozen=True, slots=True)
class Condition:
    """
    One line of the table.

    Attributes:
        batch: Rows of a call.
        routing: Of the rows.
        weights: Whether a side's weights are where its own last calls left them, or in memory.
    """

    batch: int
    routing: Routing
    weights: Literal["warm", "cold"] = "warm"


@dataclass(frozen=True, slots=True)
class Grid:
    """Every condition at every shape."""

    shapes: tuple[Shape, ...]
    conditions: tuple[Condition, ...]

    def __len__(self) -> int:
        return len(self.shapes) * len(self.conditions)


def grid(quick: bool = False, full: bool = False) -> Grid:
    """Choose: a corner of the grid in seconds, the usual one, or every shape."""
    batches, cold = (QUICK_BATCHES, QUICK_COLD_BATCHES) if quick else (BATCHES, COLD_BATCHES)
    conditions = (
        *(Condition(batch, routing) for batch in batches for routing in _ROUTINGS),
        *(Condition(batch, "balanced", "cold") for batch in cold),
    )
    shapes = QUICK_SHAPES if quick else SHAPES + MORE_SHAPES if full else SHAPES
    return Grid(shapes, conditions)
