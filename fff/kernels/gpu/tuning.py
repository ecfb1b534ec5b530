"""How the launches of a batch are made."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tuning:
    """
    Choices that change how long a batch takes and not what it gives.

    The defaults are reasoned, not measured: no GPU has run them yet. `bench.gpu` tries others.

    Attributes:
        unsorted_rows: Up to here a row's own program computes its leaf too: to sort rows by leaf
            takes two launches more, as long as reading some 30 leaves again from the cache.
        narrow_rows: Up to here three levels are scored at once: the walk waits for memory, not
            for bandwidth.
        route_warps: Of one row's program; None takes 4, and more where a row is so wide that its
            canonical sum would not fit into the registers of 4.
        route_block: Inputs that such a program reads at a time, a power of two; None takes all of
            them up to 2,048, so that every load of a step is under way at once.
        block_bytes: What a whole GPU reads from its cache while one program computes one block of
            output columns, which is mostly a wait; see `PackedLeaves.programs_a_tile`. Assumed of
            an H100: 0.7 µs, at 5.5 TB/s.
        leaf_warps: Of a tile's program.
        leaf_stages: Blocks of weights under way to a program's shared memory at once, and one.
        row_stages: The same of few rows, where a program may take more of that memory: as many of
            these as fit into 96 KB, which GPUs have since Ampere.
        ranked_rows: Rows that one program of `rank` places.
        rank_step: Rows that it compares with at a time.
    """

    unsorted_rows: int = 32
    narrow_rows: int = 64
    route_warps: int | None = None
    route_block: int | None = None
    block_bytes: int = 4 << 20
    leaf_warps: int = 4
    leaf_stages: int = 3
    row_stages: int = 6
    ranked_rows: int = 16
    rank_step: int = 128


DEFAULT_TUNING = Tuning()
