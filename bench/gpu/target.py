"""
What a Hopper GPU could do at best: a closed form of assumptions, each with its name.

Nothing here was fitted to a measurement. `bench.gpu.limits` measures, in the same run, all but
`flops_direct` and `grouped_share`, which stay assumptions.

Source: the model of the design brief: a dense layer and a tree are each the larger of their
bytes and their FLOPs, plus a floor for every launch, and for every dependent step of a descent.
"""

from dataclasses import dataclass
from math import ceil

from bench.networks import Shape


@dataclass(frozen=True, slots=True)
class Limits:
    """
    A GPU by its limits; the defaults are assumed of an H200.

    Attributes:
        hbm_bytes_s: Memory bandwidth.
        l2_bytes_s: Bandwidth of the L2 cache.
        l2_bytes: Weights up to this size stay in L2 while they are warm.
        flops_16: Of bfloat16 tensor cores.
        flops_tf32: Of float32 through tensor cores, rounded to TF32.
        flops_32: Of float32 without tensor cores.
        flops_direct: Of a leaf kernel that computes row by row.
        grouped_share: Of the peak that small grouped products reach.
        launch_s: Floor of one kernel in a CUDA graph.
        hop_warm_s: One dependent step of a descent, from L2: the latency of a load.
        hop_cold_s: The same from memory.
    """

    hbm_bytes_s: float = 4.3e12
    l2_bytes_s: float = 5.5e12
    l2_bytes: float = 40e6
    flops_16: float = 790e12
    flops_tf32: float = 380e12
    flops_32: float = 60e12
    flops_direct: float = 30e12
    grouped_share: float = 0.67
    launch_s: float = 2e-6
    hop_warm_s: float = 0.6e-6
    hop_cold_s: float = 0.9e-6

    def flops(self, element_bytes: int) -> float:
        return self.flops_16 if element_bytes == 2 else self.flops_32


@dataclass(frozen=True, slots=True)
class Case:
    """
    What is computed.

    Attributes:
        shape: Of the tree.
        batch: Rows.
        element_bytes: Of a leaf weight: 2 or 4.
        warm: Whether weights may be in L2 from the calls before.
        one_leaf: Whether all rows share a leaf.
        lap: Batches that are computed in turn, each of other rows.
    """

    shape: Shape
    batch: int
    element_bytes: int
    warm: bool = True
    one_leaf: bool = False
    lap: int = 16

    @property
    def outer(self) -> int:
        return self.shape.i + self.shape.o

    @property
    def dense_bytes(self) -> int:
        return self.element_bytes * self.shape.training_width * self.outer

    @property
    def leaves_touched(self) -> float:
        """Leaves that a balanced batch is expected to reach."""
        return self._reached(self.batch, self.shape.d)

    @property
    def tree_bytes(self) -> float:
        """Bytes of weights that the batches of a lap are expected to read, each once."""
        rows, shape = self.lap * self.batch, self.shape
        leaves = self._reached(rows, shape.d) * self.element_bytes * shape.l * self.outer
        nodes = sum(self._reached(rows, level) for level in range(shape.d))
        return leaves + 4 * shape.i * nodes

    def _reached(self, rows: int, level: int) -> float:
        """Places of one level of the tree that so many balanced rows are expected to reach."""
        if self.one_leaf:
            return 1.0
        places = 1 << level
        return float(places * (1 - (1 - 1 / places) ** rows))


def dense_s(case: Case, limits: Limits) -> float:
    """Time of the dense layer of training width, two launches."""
    flops = 2 * case.batch * case.shape.training_width * case.outer
    by_bytes = case.dense_bytes / _bandwidth(case, case.dense_bytes, limits)
    return 2 * limits.launch_s + max(by_bytes, flops / limits.flops(case.element_bytes))


def fff_s(case: Case, limits: Limits) -> float:
    """Time of the tree, by the better of a row-by-row and a grouped leaf kernel."""
    width, rows, touched = case.shape.l, case.batch, case.leaves_touched
    leaf_bytes = case.element_bytes * width * case.outer
    from_memory = touched * leaf_bytes / _bandwidth(case, case.tree_bytes, limits)
    direct = max(
        rows * leaf_bytes / limits.l2_bytes_s,
        from_memory,
        2 * rows * width * case.outer / limits.flops_direct,
    )
    padded = 2 * (rows + 15 * touched) * max(width, 16) * case.outer
    peak = limits.grouped_share * limits.flops(case.element_bytes)
    grouped = max(from_memory, padded / peak)
    leaves = min(limits.launch_s + direct, 3 * limits.launch_s + grouped)
    activations = case.element_bytes * rows * (2 * case.shape.i + case.shape.o)
    return leaves + _route_s(case, limits) + activations / limits.l2_bytes_s


def target(case: Case, limits: Limits) -> float:
    """How many times faster than dense the tree can be."""
    return dense_s(case, limits) / fff_s(case, limits)


def ceiling(case: Case, limits: Limits) -> float:
    """
    S_inf: the least of FLOP ratio, leaf traffic alone, and launch floors alone.

    Leaf traffic alone leaves out the launch that dense has more than we: where floors rule and
    the traffic is equal, a target can lie a little above.
    """
    rows_bound = case.element_bytes * limits.flops(case.element_bytes) / (2 * limits.hbm_bytes_s)
    leaves = max(1.0, case.batch / rows_bound) * (1 << case.shape.d) / case.leaves_touched
    floor = limits.launch_s + ceil(case.shape.d / 3) * limits.hop_warm_s
    return float(min(case.shape.flop_ratio, leaves, dense_s(case, limits) / floor))


def _route_s(case: Case, limits: Limits) -> float:
    levels = 3 if case.batch <= 64 else 1  # scored at once, as our kernel does
    hop = limits.hop_warm_s if _in_l2(case, case.tree_bytes, limits) else limits.hop_cold_s
    visits = case.batch * case.shape.d * case.shape.i * (2**levels - 1) / levels
    return float(
        max(
            ceil(case.shape.d / levels) * hop,
            4 * visits / limits.l2_bytes_s,
            2 * visits / limits.flops_32,
        )
    )


def _bandwidth(case: Case, weight_bytes: float, limits: Limits) -> float:
    return limits.l2_bytes_s if _in_l2(case, weight_bytes, limits) else limits.hbm_bytes_s


def _in_l2(case: Case, weight_bytes: float, limits: Limits) -> bool:
    return case.warm and weight_bytes < limits.l2_bytes
