"""
A batch, compiled: route its rows, sort them by leaf, compute the leaves; by one thread or many.

Threads take chunks of rows, then units (rows of one leaf), each from a counter; the last to
finish routing sorts. A thread that comes late, or never, delays nobody, and no bit of a result
depends on who computed it.
"""

from numba import float32, int64, types

from fff.kernels.cpu import tables as t
from fff.kernels.cpu.compile import compiled, compiled_address
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
    for place in range(counts, counts + 8 * (mask + 1), 8):
        put_i64(place, 0)
    for row in range(n):
        place = counts + 8 * ((int64(get_i32(leaf + 4 * row)) >> shift) & mask)
        put_i64(place, get_i64(place) + 1)
    total = 0
    for place in range(counts, counts + 8 * (mask + 1), 8):
        total, count = total + get_i64(place), get_i64(place)
        put_i64(place, total - count)
    for k in range(n):
        row = get_i64(source + 8 * k)
        place = counts + 8 * ((int64(get_i32(leaf + 4 * row)) >> shift) & mask)
        put_i64(target + 8 * get_i64(place), row)
        put_i64(place, get_i64(place) + 1)


@compiled_address(_INT(_INT, _INT, _INT, _INT))
def sort(model: int, job: int, who: int, unused: int) -> int:
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

    units, count, last, begun = get_i64(job + t.UNITS), 0, int64(-1), 0
    for k in range(n):
        this = int64(get_i32(leaf + 4 * get_i64(order + 8 * k)))
        if this != last or k - begun == t.UNIT_ROWS:
            put_i64(units + 8 * count, k)
            count += 1
            last, begun = this, k
    put_i64(units + 8 * count, n)
    return count


@compiled_address(_INT(_INT, _INT, _INT, _INT))
def work(model: int, job: int, who: int, unused: int) -> int:
    """Do what is left to do of a job; returns when nothing is left to begin."""
    chunks = -(-get_i64(job + t.ROWS) // t.CHUNK_ROWS)
    chunk = fetch_add(job + t.NEXT_CHUNK, 1)
    while chunk < chunks:
        rechecked = call(get_i64(model + t.ROUTE), model, job, who, chunk)
        if rechecked:
            fetch_add(job + t.RECHECKED, rechecked)
        if fetch_add(job + t.ROUTED, 1) == chunks - 1:
            units = call(get_i64(model + t.SORT), model, job, who, 0)
            put_shared(job + t.UNIT_COUNT, units)
        chunk = fetch_add(job + t.NEXT_CHUNK, 1)

    units = get_shared(job + t.UNIT_COUNT)
    while units < 0:
        pause()
        units = get_shared(job + t.UNIT_COUNT)
    unit = fetch_add(job + t.NEXT_UNIT, 1)
    while unit < units:
        call(get_i64(model + t.COMPUTE), model, job, who, unit)
        fetch_add(job + t.DONE, 1)
        unit = fetch_add(job + t.NEXT_UNIT, 1)
    return units


def _serve(
    model: int, job: int, desk: int, n: int, x: int, logits: int, leaf: int, margin: int
) -> int:
    """
    Compute a batch.

    Args:
        model: Table of the model.
        job: Table of the job: memory to work in, no one else's.
        desk: Where other threads may find the job; 0 to compute it alone.
        n: Rows.
        x: float32 `[n, i]`.
        logits: float32 `[n, o]`, written.
        leaf: int32 `[n]`, written.
        margin: float32 `[n]`, written.

    Returns:
        How many rows were routed canonically.
    """
    put_i64(job + t.ROWS, n)
    put_i64(job + t.X, x)
    put_i64(job + t.LOGITS, logits)
    put_i64(job + t.LEAF, leaf)
    put_i64(job + t.MARGIN, margin)
    put_i64(job + t.RECHECKED, 0)
    put_i64(job + t.UNIT_COUNT, -1)
    for counter in (t.NEXT_CHUNK, t.ROUTED, t.NEXT_UNIT, t.DONE):
        put_i64(job + counter, 0)
    if desk:
        put_i64(desk + t.MODEL, model)
        put_i64(desk + t.JOB, job)
        put_i64(desk + t.CPU, this_cpu())
        fetch_add(desk + t.TICKET, 1)
    units = call(get_i64(model + t.WORK), model, job, 0, 0)
    while get_shared(job + t.DONE) < units:
        pause()
    if desk:
        fetch_add(desk + t.TICKET, 1)
        while get_shared(desk + t.INSIDE):
            pause()
    rechecked: int = get_i64(job + t.RECHECKED)
    return rechecked


_SERVE = _INT(*[_INT] * 8)
serve_briefly, serve = compiled(_SERVE, keeps_lock=True)(_serve), compiled(_SERVE)(_serve)


@compiled(types.void(_INT))
def keep_away(desk: int) -> None:
    """
    Leave the caller's processor.

    A thread that wakes up is put where the one that woke it runs, and Linux can take seconds to
    move it: two threads then took 690 µs for what one does in 570 and two in 300 (Xeon, 2 cores).
    """
    cpu = get_i64(desk + t.CPU)
    if cpu < 0 or cpu >= 8 * CPUS_BYTES or cpu != this_cpu():
        return
    others, left = stack(), int64(0)
    for k in range(0, CPUS_BYTES, 8):
        word = get_i64(desk + t.CPUS + k)
        if cpu // 64 == k // 8:
            word &= ~(int64(1) << (cpu % 64))
        put_i64(others + k, word)
        left |= word
    if left:
        set_cpus(others)


@compiled(types.void(_INT))
def note_cpus(desk: int) -> None:
    """Write the processors that this thread may use on a desk."""
    get_cpus(desk + t.CPUS)


@compiled(types.void(_INT, _INT, _INT))
def assist(desk: int, who: int, patience: int) -> None:
    """
    Help with the jobs on a desk; return when none came for `patience` looks.

    A job is only touched between entering (INSIDE) and leaving, and its owner waits for that.
    """
    put_shared(desk + t.ASLEEP, 0)
    keep_away(desk)
    seen, looks = 0, 0
    while looks < patience:
        ticket = get_shared(desk + t.TICKET)
        if ticket % 2 and ticket != seen:
            fetch_add(desk + t.INSIDE, 1)
            if get_shared(desk + t.TICKET) == ticket:
                model = get_i64(desk + t.MODEL)
                call(get_i64(model + t.WORK), model, get_i64(desk + t.JOB), who, 0)
            fetch_add(desk + t.INSIDE, -1)
            seen, looks = ticket, 0
        pause()
        looks += 1
    put_shared(desk + t.ASLEEP, 1)


@compiled(types.void(_INT, _INT, _INT, types.float32))
def mix(y: int, master: int, count: int, share: float) -> None:
    """`y = share * y + (1 - share) * master`, each operation rounded."""
    rest = float32(1.0) - share
    for k in range(0, 4 * count, 4):
        put_f32(y + k, share * get_f32(y + k) + rest * get_f32(master + k))
