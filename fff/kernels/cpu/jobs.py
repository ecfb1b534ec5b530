"""
A batch, compiled: route its rows, sort them by leaf, compute the leaves; by one thread or several.

Threads take chunks of rows, then units (rows of one leaf), each from a counter; the last to
finish routing sorts. A thread that comes late, or never, delays no other, and no bit of a result
depends on the thread that computed it.

Own code, and not Numba's `prange`: its caller would wait for threads that take 10 to 50 µs to wake
(`threads`); here the caller begins, and computes what they do not.
"""

from numba import float32, int64, types

from fff.kernels.cpu import tables as t
from fff.kernels.cpu.compile import compiled, compiled_address, inlined
from fff.kernels.cpu.simd_memory import (
    CPUS_BYTES,
    call,
    fetch_add,
    get_cpus,
    get_f32,
    get_i32,
    get_i64,
    get_shared,
    pause,
    put_f32,
    put_i64,
    put_shared,
    set_cpus,
    stack,
    this_cpu,
)

_INT = types.int64
_FEW = 16  # rows sorted by insertion: clearing 256 counters takes as long
_RADIX_BITS = 8


@compiled(types.void(_INT, _INT, _INT))
def sort_few(leaf: int, n: int, order: int) -> None:
    """Sort by insertion, stable."""
    for row in range(n):
        key = get_i32(leaf + 4 * row)
        place = order + 8 * row
        while place > order and get_i32(leaf + 4 * get_i64(place - 8)) > key:
            put_i64(place, get_i64(place - 8))
            place -= 8
        put_i64(place, row)


@compiled(types.void(_INT, _INT, _INT, _INT, _INT))
def sort_pass(leaf: int, n: int, shift: int, source: int, target: int) -> None:
    """One stable pass of a radix sort."""
    counts = stack()
    mask = (1 << _RADIX_BITS) - 1
    for counter in range(counts, counts + 8 * (mask + 1), 8):
        put_i64(counter, 0)
    for row in range(n):
        counter = counts + 8 * ((int64(get_i32(leaf + 4 * row)) >> shift) & mask)
        put_i64(counter, get_i64(counter) + 1)
    total = 0
    for counter in range(counts, counts + 8 * (mask + 1), 8):
        total, count = total + get_i64(counter), get_i64(counter)
        put_i64(counter, total - count)
    for k in range(n):
        row = get_i64(source + 8 * k)
        counter = counts + 8 * ((int64(get_i32(leaf + 4 * row)) >> shift) & mask)
        put_i64(target + 8 * get_i64(counter), row)
        put_i64(counter, get_i64(counter) + 1)


@compiled_address(_INT(_INT, _INT, _INT, _INT))
def sort(model: int, job: int, thread: int, unused: int) -> int:
    """Write the rows' order by leaf and where each unit starts; returns how many units."""
    n, leaf, order = get_i64(job + t.ROWS), get_i64(job + t.LEAF), get_i64(job + t.ORDER)
    if n <= _FEW:
        sort_few(leaf, n, order)
    else:
        passes = max(1, -(-get_i64(model + t.DEPTH) // _RADIX_BITS))
        source, target = order, order + 8 * n
        if passes % 2:  # so that the last pass ends in `order`
            source, target = target, source
        for row in range(n):
            put_i64(source + 8 * row, row)
        for p in range(passes):
            sort_pass(leaf, n, p * _RADIX_BITS, source, target)
            source, target = target, source

    units, count, unit_leaf, unit_start = get_i64(job + t.UNITS), 0, int64(-1), 0
    for k in range(n):
        row_leaf = int64(get_i32(leaf + 4 * get_i64(order + 8 * k)))
        if row_leaf != unit_leaf or k - unit_start == t.UNIT_ROWS:
            put_i64(units + 8 * count, k)
            count += 1
            unit_leaf, unit_start = row_leaf, k
    put_i64(units + 8 * count, n)
    return count


@compiled_address(_INT(_INT, _INT, _INT, _INT))
def work(model: int, job: int, thread: int, unused: int) -> int:
    """Take chunks, then units, until none is left to begin; returns the number of units."""
    chunks = -(-get_i64(job + t.ROWS) // t.CHUNK_ROWS)
    chunk = fetch_add(job + t.NEXT_CHUNK, 1)
    while chunk < chunks:
        rechecked = call(get_i64(model + t.ROUTE), model, job, thread, chunk)
        if rechecked:
            fetch_add(job + t.RECHECKED, rechecked)
        if fetch_add(job + t.ROUTED, 1) == chunks - 1:
            units = call(get_i64(model + t.SORT), model, job, thread, 0)
            put_shared(job + t.UNIT_COUNT, units)
        chunk = fetch_add(job + t.NEXT_CHUNK, 1)

    units = get_shared(job + t.UNIT_COUNT)
    while units < 0:
        pause()
        units = get_shared(job + t.UNIT_COUNT)
    unit = fetch_add(job + t.NEXT_UNIT, 1)
    while unit < units:
        call(get_i64(model + t.COMPUTE), model, job, thread, unit)
        fetch_add(job + t.DONE, 1)
        unit = fetch_add(job + t.NEXT_UNIT, 1)
    return units


@inlined
def _fill(job: int, n: int, x: int, logits: int, leaf: int, margin: int) -> None:
    put_i64(job + t.ROWS, n)
    put_i64(job + t.X, x)
    put_i64(job + t.LOGITS, logits)
    put_i64(job + t.LEAF, leaf)
    put_i64(job + t.MARGIN, margin)
    put_i64(job + t.RECHECKED, 0)
    put_i64(job + t.UNIT_COUNT, -1)
    for counter in (t.NEXT_CHUNK, t.ROUTED, t.NEXT_UNIT, t.DONE):
        put_i64(job + counter, 0)


def _serve(
    model: int, job: int, slot: int, n: int, x: int, logits: int, leaf: int, margin: int
) -> int:
    """
    Compute a batch.

    Args:
        model: Address of the model's table.
        job: Address of the job's table: memory to work in, of this call alone.
        slot: Address of the slot where other threads may find the job; 0 to compute it alone.
        n: Rows of the batch, at least one.
        x: Address of the rows, `[n, i]`, float32.
        logits: Address of the logits, `[n, o]`, float32, written.
        leaf: Address of the leaves, `[n]`, int32, written.
        margin: Address of the margins, `[n]`, float32, written.

    Returns:
        Number of rows that were routed canonically.
    """
    _fill(job, n, x, logits, leaf, margin)
    if slot:
        put_i64(slot + t.MODEL, model)
        put_i64(slot + t.JOB, job)
        put_i64(slot + t.CPU, this_cpu())
        fetch_add(slot + t.SEQUENCE, 1)
    units = call(get_i64(model + t.WORK), model, job, 0, 0)
    while get_shared(job + t.DONE) < units:
        pause()
    if slot:
        fetch_add(slot + t.SEQUENCE, 1)
        while get_shared(slot + t.HELPERS_INSIDE):
            pause()
    rechecked: int = get_i64(job + t.RECHECKED)
    return rechecked


_SERVE = _INT(*[_INT] * 8)
serve_briefly, serve = compiled(_SERVE, keeps_lock=True)(_serve), compiled(_SERVE)(_serve)


@compiled(_INT(_INT, _INT, _INT, _INT), keeps_lock=True)
def serve_row(model: int, job: int, x: int, out: int) -> int:
    """
    Compute one row, like `serve_briefly`; four arguments take 0.2 µs less than eight.

    `out` is where the addresses of its logits, leaf and margin lie, `[3]`, int64.
    """
    _fill(job, 1, x, get_i64(out), get_i64(out + 8), get_i64(out + 16))
    call(get_i64(model + t.WORK), model, job, 0, 0)
    rechecked: int = get_i64(job + t.RECHECKED)
    return rechecked


@compiled(types.void(_INT))
def leave_callers_cpu(slot: int) -> None:
    """
    Move this thread off the caller's processor.

    A thread that wakes up is put where the one that woke it runs, and Linux can take seconds to
    move it: two threads then took 690 µs for what one does in 570 and two in 300 (Xeon, 2 cores).
    """
    cpu = get_i64(slot + t.CPU)
    if cpu < 0 or cpu >= 8 * CPUS_BYTES or cpu != this_cpu():
        return
    other_cpus, any_left = stack(), int64(0)
    for k in range(0, CPUS_BYTES, 8):
        word = get_i64(slot + t.CPUS + k)
        if cpu // 64 == k // 8:
            word &= ~(int64(1) << (cpu % 64))
        put_i64(other_cpus + k, word)
        any_left |= word
    if any_left:
        set_cpus(other_cpus)


@compiled(types.void(_INT))
def note_cpus(slot: int) -> None:
    """Write the processors that this thread may use into a slot."""
    get_cpus(slot + t.CPUS)


@compiled(types.void(_INT, _INT, _INT))
def assist(slot: int, thread: int, max_looks: int) -> None:
    """
    Help with the jobs in a slot; return when none came for `max_looks` looks.

    A job is only touched between entering (HELPERS_INSIDE) and leaving, and its owner waits for
    that.
    """
    put_shared(slot + t.ASLEEP, 0)
    leave_callers_cpu(slot)
    seen, looks = 0, 0
    while looks < max_looks:
        sequence = get_shared(slot + t.SEQUENCE)
        if sequence % 2 and sequence != seen:
            fetch_add(slot + t.HELPERS_INSIDE, 1)
            if get_shared(slot + t.SEQUENCE) == sequence:
                model = get_i64(slot + t.MODEL)
                call(get_i64(model + t.WORK), model, get_i64(slot + t.JOB), thread, 0)
            fetch_add(slot + t.HELPERS_INSIDE, -1)
            seen, looks = sequence, 0
        pause()
        looks += 1
    put_shared(slot + t.ASLEEP, 1)


@compiled(types.void(_INT, _INT, _INT, types.float32))
def mix(y: int, master: int, count: int, share: float) -> None:
    """`y = share * y + (1 - share) * master`, each operation rounded."""
    rest = float32(1.0) - share
    for k in range(0, 4 * count, 4):
        put_f32(y + k, share * get_f32(y + k) + rest * get_f32(master + k))
