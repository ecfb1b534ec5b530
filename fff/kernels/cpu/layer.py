"""A tree with its leaves, ready to compute."""

from fff.kernels.cpu import tables as t
from fff.kernels.cpu.compiled_layer import CompiledLayer
from fff.kernels.cpu.jobs import sort, work
from fff.kernels.cpu.layout import Packed
from fff.kernels.cpu.leaf import compute_unit
from fff.kernels.cpu.narrow import compute_chunk, walk_chunk, work_unsorted
from fff.kernels.cpu.route import keep_leaves, route
from fff.kernels.cpu.simd import TILE_ROWS

_CODE = {
    t.ROUTE: route.address,
    t.SORT: sort.address,
    t.COMPUTE: compute_unit.address,
    t.WORK: work.address,
}
_NARROW_CODE = {
    t.ROUTE: walk_chunk.address,
    t.COMPUTE: compute_chunk.address,
    t.WORK: work_unsorted.address,
}


class Layer(CompiledLayer):
    """
    A tree with its leaves that computes.

    Args:
        packed: The layer's weights in the kernel's layout; kept.
        threads: Most threads of one call, the calling one included.
    """

    _packed: Packed

    def __init__(self, packed: Packed, threads: int):
        code = _CODE if packed.node_records is None else _NARROW_CODE
        tables = packed.table(code), packed.table(code | {t.ROUTE: keep_leaves.address})
        hidden_bytes = 4 * TILE_ROWS * packed.fields[t.H_COLUMNS]
        super().__init__(packed, tables, threads, hidden_bytes)
