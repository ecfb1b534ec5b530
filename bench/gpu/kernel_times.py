"""
How long our kernels might take on a GPU, by a closed form. Nothing here is measured.

`bench.gpu.target` says what a GPU could do at best; this says what these kernels would do on it,
one by one: chains of round trips to memory that a program waits for, as its machine code shows
them (`bench.gpu.compiled`), against the bytes and operations of all programs together. The
numbers it starts from are assumptions, each with its name. It is there to rehearse with, and to
be put beside what a GPU says once one is asked.

Covered:      every kernel of a balanced batch, or of rows of one leaf, as designed before round
              trips were mended and after; weights in L2 or in memory.
Not covered:  the master leaf; leaves wider than 128 (float32: 64); scores computed again; what
              copies and the host take.
"""

from math import ceil, floor, log2, sqrt
from typing import Literal

from bench.gpu.design import DEVICE, Design, Device
from bench.gpu.target import Case, Limits

Kernel = Literal["infer_rows", "route", "rank", "leaf_tiles"]

_TILE, _RANK_STEP = 16, 256  # rows of a tile; rows that `rank` compares with in one turn
_BLOCK_BYTES = 4 << 20  # `fff.kernels.gpu.layer.Tuning.block_bytes`; best of powers of two here
_NARROW_ROWS = 64  # batches up to here score 3 levels a hop
# What a multiprocessor holds by its registers, as `bench.gpu.compiled` has it: warps of `route`
# by levels a hop, programs of `leaf_tiles` by bytes of a weight.
_WARPS_AT_ONCE, _TILES_AT_ONCE = {1: 36, 3: 20}, {2: 6, 4: 5}
_STEP_BYTES = 256  # of a neuron's up weights in one turn of a tile's product


def kernels(case: Case, design: Design) -> tuple[Kernel, ...]:
    """Which kernels a batch launches, in order."""
    if case.batch > design.unsorted_rows:
        return ("route", "rank", "leaf_tiles")
    return ("infer_rows",) if design.one_launch else ("route", "leaf_tiles")


def kernel_s(
    kernel: Kernel, case: Case, limits: Limits, design: Design, device: Device = DEVICE
) -> float:
    """
    Time of one kernel, without the gap before it.

    Args:
        kernel: One of `kernels(case, design)`.
        case: What is computed.
        limits: Of the GPU; bandwidths and peaks.
        design: Of the kernels.
        device: The rest that is assumed of the GPU.
    """
    match kernel:
        case "route":
            return _route_s(case, limits, design, device)
        case "rank":
            return _rank_s(case, design, device)
        case "leaf_tiles":  # the count of tiles, then the tile, then its rows
            return 3 * device.trip_l2_s + _leaves_s(case, limits, design, device)
        case "infer_rows":
            walked_s = _route_s(case, limits, design, device, splits(case, design))
            return walked_s + _leaves_s(case, limits, design, device)


def call_s(case: Case, limits: Limits, design: Design, device: Device = DEVICE) -> float:
    """Time of a whole batch in a CUDA graph: its kernels, and a gap for each."""
    names = kernels(case, design)
    alone = sum(kernel_s(name, case, limits, design, device) for name in names)
    return alone + len(names) * device.gap_s


def splits(case: Case, design: Design) -> int:
    """Programs that share the output columns of a tile."""
    blocks, leaves = ceil(case.shape.o / _columns(case)), 1 << case.shape.d
    if design.splits == "layer":
        return min(blocks, ceil(DEVICE.multiprocessors / min(leaves, 64)))
    tiles, reached = _bucket(case), min(_bucket(case), leaves)
    if case.batch > design.unsorted_rows:
        tiles = (tiles - reached) // _TILE + reached  # the most that any routing can make
    up_bytes, _ = _leaf_bytes(case)
    return max(1, min(blocks, round(sqrt(blocks * _BLOCK_BYTES / (tiles * up_bytes)))))


def in_l2(case: Case, limits: Limits) -> bool:
    """As in `bench.gpu.target`: what batches touch fits, and nothing else was there in between."""
    return case.warm and case.tree_bytes < limits.l2_bytes


def _route_s(
    case: Case, limits: Limits, design: Design, device: Device, programs: int = 1
) -> float:
    """Programs walk side by side, each as a chain of trips; all of them share L2."""
    i, d, hop = case.shape.i, case.shape.d, 3 if case.batch <= _NARROW_ROWS else 1
    warps = min(16, max(4, (1 << (i - 1).bit_length()) // 512))
    at_once = device.multiprocessors * (_WARPS_AT_ONCE[hop] // warps)
    waves = max(1.0, programs * case.batch / at_once)
    first = _walk_s(case, hop, _trip_s(case, limits, device), design, device)
    chains = first + (waves - 1) * _walk_s(case, hop, device.trip_l2_s, design, device)
    near = min(d, floor(log2(device.l1_bytes / (4 * i) + 1)))  # levels that L1 keeps
    nodes = (d - near) * ((1 << hop) - 1) / hop
    read = 4 * i * programs * case.batch * (nodes + 1)
    return max(chains, read / _l2_bytes_s(limits, device))


def _walk_s(case: Case, hop: int, trip_s: float, design: Design, device: Device) -> float:
    """One row: the number of rows, the row, its norm; then hop after hop; then its stores."""
    d, hops = case.shape.d, ceil(case.shape.d / hop)
    start = 2 * device.trip_l2_s + device.sum_s
    sums = hops * (device.sum_s + (1 << hop) * device.node_s)
    if not design.waits_at_each_level:
        return start + hops * (trip_s + device.decision_s) + sums + d * device.step_s
    further = ceil(case.shape.i / 512) - 1 if hop > 1 else 0
    chunks = hops * further * (trip_s + device.chunk_s)
    decided = d * (trip_s + device.decision_s + device.division_s)
    fence = device.fence_s if design.fences and case.batch <= design.unsorted_rows else 0.0
    return start + hops * trip_s + sums + chunks + decided + fence


def _rank_s(case: Case, design: Design, device: Device) -> float:
    """Every row is compared with every other; then a tile's number is asked for."""
    once = 2 * device.trip_l2_s + device.atomic_s + 2 * device.sum_s
    if not design.sums_each_turn:
        return once + device.rank_lane_turn_s * ceil(case.batch / _RANK_STEP)
    turns = ceil(_bucket(case) / _RANK_STEP)
    return once + 2 * device.fence_s + device.rank_turn_s * turns


def _leaves_s(case: Case, limits: Limits, design: Design, device: Device) -> float:
    """Programs side by side, each for a share of a tile's columns; then all at one time."""
    shares = splits(case, design)
    tiles = _tiles(case, design)
    at_once = device.multiprocessors * _TILES_AT_ONCE[case.element_bytes]
    waves = max(1.0, tiles * shares / at_once)
    one = _program_s(case, limits, design, device, shares)
    together = _all_programs_s(case, limits, device, shares, tiles)
    return _trip_s(case, limits, device) + max(one * waves, together) + device.end_s


def _program_s(case: Case, limits: Limits, design: Design, device: Device, shares: int) -> float:
    """One program, by itself: its chain of trips, its bytes, or its operations."""
    turns = ceil(case.shape.i * case.element_bytes / _STEP_BYTES)
    blocks = ceil(case.shape.o / _columns(case) / shares)  # each asks for b2 in its own turn
    few = case.batch <= design.unsorted_rows
    trips = turns / ((design.row_stages if few else design.stages) - 1) + blocks
    up_bytes, down_bytes = _leaf_bytes(case)
    flops_s = _flops_s(case, limits, device) / device.multiprocessors
    return max(
        trips * _trip_s(case, limits, device),
        (up_bytes + down_bytes / shares) / device.own_bytes_s,
        _tile_flops(case, shares) / flops_s,
    )


def _all_programs_s(case: Case, limits: Limits, device: Device, shares: int, tiles: float) -> float:
    """All programs together: what they read of L2 and of memory, and their operations."""
    up_bytes, down_bytes = _leaf_bytes(case)
    rows_bytes = 4 * case.batch * (case.shape.i * shares + case.shape.o)
    read = tiles * (up_bytes * shares + down_bytes) + rows_bytes
    fetched = 0.0 if in_l2(case, limits) else case.leaves_touched * (up_bytes + down_bytes)
    return max(
        read / _l2_bytes_s(limits, device),
        fetched / limits.hbm_bytes_s,
        tiles * shares * _tile_flops(case, shares) / _flops_s(case, limits, device),
    )


def _leaf_bytes(case: Case) -> tuple[int, int]:
    """Of one leaf's up and down projection."""
    neuron = case.element_bytes * case.shape.l
    return neuron * case.shape.i, neuron * case.shape.o


def _tile_flops(case: Case, shares: int) -> float:
    """Of one of the programs that share a tile: all hidden neurons, some of the columns."""
    return 2 * _TILE * max(16, case.shape.l) * (case.shape.i + case.shape.o / shares)


def _flops_s(case: Case, limits: Limits, device: Device) -> float:
    share = limits.grouped_share if case.element_bytes == 2 else device.share_32
    return share * limits.flops(case.element_bytes)


def _tiles(case: Case, design: Design) -> float:
    """Tiles of a batch, as expected: a leaf's last one is half full on average."""
    if case.batch <= design.unsorted_rows:
        return case.batch
    touched = case.leaves_touched
    return max(touched, case.batch / _TILE + touched * (_TILE - 1) / (2 * _TILE))


def _columns(case: Case) -> int:
    """Output columns that a program computes at a time."""
    most = 128 if case.element_bytes == 2 else 64
    return min(most, max(16, 1 << (case.shape.o - 1).bit_length()))


def _bucket(case: Case) -> int:
    return 1 << (case.batch - 1).bit_length()


def _trip_s(case: Case, limits: Limits, device: Device) -> float:
    return device.trip_l2_s if in_l2(case, limits) else device.trip_memory_s


def _l2_bytes_s(limits: Limits, device: Device) -> float:
    return device.l2_share * limits.l2_bytes_s
