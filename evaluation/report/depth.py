"""Does depth pay? Quality over depth at a fixed leaf width, and dense of equal FLOPs beside it."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.report.contenders import DENSE, FFF, PUBLISHED_RECIPES
from evaluation.report.merit import Merit
from evaluation.report.points import Point, Spread


@dataclass(frozen=True, slots=True)
class DepthCurve:
    """
    One leaf width, with one master width.

    Attributes:
        leaf_width: `l`.
        master_width: `m`; 0 for none.
        depths: Ascending, at least two.
        merit: What is shown.
        qualities: At each depth.
        dense: That of a dense network of as many FLOPs: between two that were measured, linear in
            the logarithm of the FLOPs; None beyond them.
    """

    leaf_width: int
    master_width: int
    depths: list[int]
    merit: Merit
    qualities: list[Spread]
    dense: list[float | None]

    def dense_known(self) -> tuple[list[int], list[float]]:
        """Depths at which it is known, and the figure there as it is shown."""
        pairs = zip(self.depths, self.dense, strict=True)
        known = [(depth, self.merit.factor * value) for depth, value in pairs if value is not None]
        return [depth for depth, _ in known], [value for _, value in known]


def depth_curves(points: Sequence[Point]) -> list[DepthCurve]:
    """
    Find leaf widths of which several depths were measured.

    Of trees with a recipe of ours, and of the tree of one leaf, which is a dense network, as their
    depth 0; where a shape was trained with several variants of a recipe, the most accurate.
    """
    ours = [point for point in points if point.family == FFF or _is_leaf_of_ours(point)]
    dense = _dense_by_flops(points)
    widths = sorted({(p.shape["leaf_width"], p.shape["master_width"]) for p in ours})
    curves = (_curve(ours, leaf, master, dense) for leaf, master in widths)
    return [curve for curve in curves if len(curve.depths) > 1]


def depth_pictures(points: Sequence[Point]) -> dict[str, list[DepthCurve]]:
    """Curves by the name of the picture that shows them: `depth_m8` those with a master of 8."""
    drawn: dict[str, list[DepthCurve]] = {}
    for curve in sorted(depth_curves(points), key=lambda curve: curve.master_width):
        drawn.setdefault(f"depth_m{curve.master_width}", []).append(curve)
    return drawn


def _is_leaf_of_ours(point: Point) -> bool:
    """Whether it is a tree of one leaf that was trained here, with no published recipe."""
    trained = point.models[0].seed is not None
    of_one_leaf = point.family == DENSE and "depth" in point.shape
    return of_one_leaf and trained and point.recipe not in PUBLISHED_RECIPES


def _curve(
    ours: Sequence[Point], leaf: int, master: int, dense: Sequence[tuple[float, float]]
) -> DepthCurve:
    best: dict[int, Point] = {}
    for point in sorted(ours, key=lambda p: p.rank):
        if (point.shape["leaf_width"], point.shape["master_width"]) == (leaf, master):
            best[point.shape["depth"]] = point
    depths = sorted(best)
    return DepthCurve(
        leaf_width=leaf,
        master_width=master,
        depths=depths,
        merit=best[depths[0]].merit,
        qualities=[best[depth].quality for depth in depths],
        dense=[_between(dense, best[depth].cost.flops_per_row) for depth in depths],
    )


def _dense_by_flops(points: Sequence[Point]) -> list[tuple[float, float]]:
    """FLOPs, ascending, and the best figure at each."""
    best: dict[float, Point] = {}
    for point in sorted(points, key=lambda p: p.rank):
        flops = point.cost.flops_per_row
        if point.family == DENSE and "depth" not in point.shape and flops is not None:
            best[flops] = point
    return sorted((flops, point.quality.mean) for flops, point in best.items())


def _between(known: Sequence[tuple[float, float]], flops: float | None) -> float | None:
    assert flops is not None, "a tree's are counted. This is a bug."
    place = bisect_left(known, (flops, -math.inf))
    if place < len(known) and known[place][0] == flops:
        return known[place][1]
    if not 0 < place < len(known):
        return None
    (low, low_value), (high, high_value) = known[place - 1], known[place]
    share = math.log(flops / low) / math.log(high / low)
    return low_value + share * (high_value - low_value)
