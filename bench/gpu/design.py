"""
What `bench.gpu.kernel_times` takes for granted: a GPU's latencies, and how our kernels are made.

Every number is assumed. They are of the size that is published for an H100, and chosen so that
what follows from them agrees with an estimate by hand; no GPU was asked for any of them.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Device:
    """
    A GPU by what its programs wait for; the defaults are assumed of an H100 or H200.

    Attributes:
        multiprocessors: Each runs programs of its own.
        trip_l2_s: From asking for a load to having it, address and issue included, from L2.
        trip_memory_s: The same from memory, with a miss of the address tables.
        gap_s: Between two kernels of a CUDA graph.
        l2_share: Of L2's bandwidth that kernels as short as these reach.
        own_bytes_s: What one multiprocessor can read from L2: 64 bytes a cycle.
        l1_bytes: Of a multiprocessor's first cache that keeps the nodes near the root.
        sum_s: A sum over a program's threads: shuffles and barriers.
        node_s: The same for each further node that is summed beside the first.
        decision_s: A comparison of a score with its bound, in float64.
        division_s: A division in float64.
        step_s: A step down a path that is decided already.
        chunk_s: Barriers of 512 columns of a row that pass through shared memory.
        fence_s: An atomic that orders all of the program's memory (acquire, release).
        atomic_s: An atomic whose result is waited for, many programs at one address.
        rank_turn_s: A turn of `rank` that adds up 32 rows' counts over 256 others.
        rank_lane_turn_s: The same where each lane keeps its own counts.
        end_s: From the last product of a tile to its end: through shared memory to the store.
        share_32: Of the peak that float32 tiles reach: they wait for shared memory.
    """

    multiprocessors: int = 132
    trip_l2_s: float = 0.25e-6
    trip_memory_s: float = 0.70e-6
    gap_s: float = 1.2e-6
    l2_share: float = 0.60
    own_bytes_s: float = 110e9
    l1_bytes: int = 128 << 10
    sum_s: float = 0.12e-6
    node_s: float = 0.018e-6
    decision_s: float = 0.03e-6
    division_s: float = 0.07e-6
    step_s: float = 0.02e-6
    chunk_s: float = 0.05e-6
    fence_s: float = 0.40e-6
    atomic_s: float = 0.50e-6
    rank_turn_s: float = 0.37e-6
    rank_lane_turn_s: float = 0.072e-6
    end_s: float = 0.30e-6
    share_32: float = 0.50


@dataclass(frozen=True, slots=True)
class Design:
    """
    What the kernels do that the model can tell apart.

    Attributes:
        name: For tables.
        waits_at_each_level: Bias and norm of a node are loaded when it is known, and divided by
            there; and a row wider than 512 is multiplied 512 columns at a time, each waited for.
            Otherwise all of a hop is loaded and decided at once, without a division.
        sums_each_turn: `rank` adds up over its threads in every turn, not once at the end.
        splits: How many programs share a tile's output columns, and each compute its hidden
            neurons: by `layer`, one number for all batches; by `bytes`, fewer the more tiles there
            are, since each of them reads the up projection.
        fences: Atomics order all memory.
        unsorted_rows: Up to here rows are not sorted: each is a tile of its own.
        one_launch: And is walked and computed by one kernel, `infer_rows`.
        stages: Buffers of a tile's up projection; all but one are on their way.
        row_stages: The same of batches up to `unsorted_rows`.
    """

    name: str
    waits_at_each_level: bool
    sums_each_turn: bool
    splits: Literal["layer", "bytes"]
    fences: bool
    unsorted_rows: int
    one_launch: bool
    stages: int = 3
    row_stages: int = 3


BEFORE = Design(
    "before",
    waits_at_each_level=True,
    sums_each_turn=True,
    splits="layer",
    fences=True,
    unsorted_rows=16,
    one_launch=False,
)
AFTER = Design(
    "after",
    waits_at_each_level=False,
    sums_each_turn=False,
    splits="bytes",
    fences=False,
    unsorted_rows=32,
    one_launch=True,
    row_stages=6,
)
DEVICE = Device()
