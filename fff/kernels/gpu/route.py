# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
"""
Triton kernels that route each row to its leaf and group the rows by leaf, on the device alone.

`route` walks one row down the tree in one program. Scores are float32, in whatever order the
compiler likes; a score within its proven error of 0 is computed again in float64 in the order
of `fff.decision.canonical_score`, so every decision is the canonical one. `rank` gives each row
its place in a stable sort by leaf, by counting: for 4,096 rows that is fewer steps than a sort.

Nothing here is tuned at run time, and no count leaves the device: the number of rows is read
from memory, and rows past it have no leaf.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

NO_BOUNDARY = tl.constexpr(float(torch.finfo(torch.float32).max))


def halving_order(width: int) -> Tensor:
    """
    Place a row's elements so that plain halving adds them as `canonical_score` does.

    `canonical_score` halves `i` rounding up: `k` meets `k + half`. Written as a binary number,
    the choices an element makes on its way (upper half or not) are a position among the next
    power of two, where `p` meets `p + half` at every level and no remainder is left.

    Returns:
        Element at each position, -1 for none, `[2**ceil(log2 i)]`, int32.
    """
    element = torch.zeros(1, dtype=torch.int32)
    sizes = [width]
    while sizes[-1] > 1:
        sizes.append((sizes[-1] + 1) // 2)
    for below, size in zip(reversed(sizes[:-1]), reversed(sizes[1:]), strict=True):
        upper = torch.where((element >= 0) & (element + size < below), element + size, -1)
        element = torch.cat([element, upper])
    return element


@triton.jit
def canonical_row_score(x, weight, bias, order, TERMS: tl.constexpr, HALVINGS: tl.constexpr):
    """`fff.decision.canonical_score` of one row at one node, bit for bit: a float64 scalar."""
    element = tl.load(order + tl.arange(0, TERMS))  # [TERMS]
    real = element >= 0
    xs = tl.load(x + element, mask=real, other=0.0).to(tl.float64)
    ws = tl.load(weight + element, mask=real, other=0.0).to(tl.float64)
    terms = xs * ws
    for level in tl.static_range(HALVINGS):
        # Of two numbers there is one sum. (Of more, tl.sum adds in an order of its own.)
        terms = tl.sum(tl.reshape(terms, [2, TERMS >> (level + 1)]), 0)
    return tl.sum(terms, 0) + bias  # a sum of one


@triton.jit
def row_norm(x, WIDTH: tl.constexpr, BLOCK: tl.constexpr):
    """Euclidean norm in float64: in float32 small squares underflow."""
    squares = tl.zeros([BLOCK], tl.float64)
    for k in range(0, WIDTH, BLOCK):
        column = k + tl.arange(0, BLOCK)
        xs = tl.load(x + column, mask=column < WIDTH, other=0.0).to(tl.float64)
        squares += xs * xs
    return tl.sqrt(tl.sum(squares, 0))


@triton.jit
def node_products(x, node_weight, node, real, WIDTH: tl.constexpr, NODES: tl.constexpr, BLOCK):
    """Float32 products of one row with several nodes, bias not added, `[NODES]`."""
    sums = tl.zeros([NODES, BLOCK], tl.float32)
    first = node_weight + node.to(tl.int64)[:, None] * WIDTH
    for k in range(0, WIDTH, BLOCK):
        column = k + tl.arange(0, BLOCK)
        inside = column < WIDTH
        xs = tl.load(x + column, mask=inside, other=0.0)
        ws = tl.load(first + column[None, :], mask=real[:, None] & inside[None, :], other=0.0)
        sums += xs[None, :] * ws
    return tl.sum(sums, 1)


@triton.jit
def boundary_distance(score, inverse_norm):
    """From a boundary, in input units, float32; a node without weights has none."""
    distance = (tl.abs(score) * inverse_norm).to(tl.float32)
    return tl.where(inverse_norm > 0, distance, NO_BOUNDARY)


@triton.jit
def walk(
    x, node_weight, node_bias, node_norm, inverse_norm, order, slope, least,
    WIDTH: tl.constexpr, DEPTH: tl.constexpr, HOP: tl.constexpr, TERMS: tl.constexpr,
    HALVINGS: tl.constexpr, BLOCK: tl.constexpr, TIE_GOES_RIGHT: tl.constexpr,
):  # fmt: skip
    """
    Walk one row down the tree; the arguments are those of `route`.

    Returns:
        Scalars: its leaf, int32; its margin, float32; how many of its scores were in doubt, int32.
    """
    x_norm = row_norm(x, WIDTH, BLOCK)
    NODES: tl.constexpr = 1 if HOP == 1 else 1 << HOP
    # Places in a subtree of HOP levels, as in a heap that starts at 1; place 0 stays empty.
    place = tl.arange(0, NODES) + (1 if HOP == 1 else 0)
    below = (place >= 2).to(tl.int32) + (place >= 4).to(tl.int32)  # levels under its root
    node = tl.full([], 1, tl.int32)  # heap index from 1: children 2k and 2k + 1
    nearest = tl.full([], NO_BOUNDARY, tl.float32)
    doubtful = tl.full([], 0, tl.int32)
    for level in range(0, DEPTH, HOP):
        subtree = (node << below) + place - (1 << below) - 1  # [NODES]
        real = (place > 0) & (level + below < DEPTH)
        # All that the hop's decisions need is loaded before the first of them.
        bias = tl.load(node_bias + subtree, mask=real, other=0.0).to(tl.float64)
        norm = tl.load(node_norm + subtree, mask=real, other=0.0)
        inverse = tl.load(inverse_norm + subtree, mask=real, other=0.0)
        products = node_products(x, node_weight, subtree, real, WIDTH, NODES, BLOCK)
        scores = products.to(tl.float64) + bias  # [NODES]
        bounds = slope * (x_norm * norm + tl.abs(bias)) + least
        distances = boundary_distance(scores, inverse)
        # Every node of the subtree decides at once, a bit each; the row then follows the bits.
        bit = 1 << place
        goes_right = (scores >= 0) if TIE_GOES_RIGHT else (scores > 0)
        # NaN fails the first comparison, infinity the second.
        proven = (tl.abs(scores) > bounds) & (tl.abs(scores) < float("inf"))
        rights = tl.sum(tl.where(goes_right, bit, 0), 0)
        proofs = tl.sum(tl.where(proven, bit, 0), 0)
        here, path = tl.full([], 1, tl.int32), tl.full([], 0, tl.int32)
        for step in range(HOP):
            if level + step < DEPTH:
                right = (rights >> here) & 1
                if (proofs >> here) & 1:
                    path |= 1 << here
                else:
                    k = node - 1
                    weight = node_weight + k.to(tl.int64) * WIDTH
                    exact_bias = tl.load(node_bias + k).to(tl.float64)
                    score = canonical_row_score(x, weight, exact_bias, order, TERMS, HALVINGS)
                    right = ((score >= 0) if TIE_GOES_RIGHT else (score > 0)).to(tl.int32)
                    distance = boundary_distance(score, tl.load(inverse_norm + k))
                    # NaN, of a row that is not finite, stays.
                    nearer = (distance < nearest) | (distance != distance)
                    nearest = tl.where(nearer, distance, nearest)
                    doubtful += 1
                node, here = 2 * node + right, 2 * here + right
        on_path = ((path >> place) & 1) == 1
        closest = tl.min(tl.where(on_path, distances, NO_BOUNDARY), 0)
        nearest = tl.where(closest < nearest, closest, nearest)
    return node - (1 << DEPTH), nearest, doubtful


@triton.jit
def store_route(row, j, nearest, doubtful, leaf, margin, rechecked):
    """Write a row's leaf `j` and margin; count the row if its leaf was in doubt."""
    tl.store(leaf + row, j)
    tl.store(margin + row, nearest)
    if doubtful > 0:
        # Relaxed, as all counters here: whoever reads them is ordered by the stream.
        tl.atomic_add(rechecked, 1, sem="relaxed")


@triton.jit
def route(
    x,  # [n, i] float32
    n_rows,  # [1] int32
    node_weight,  # [2**d - 1, i] float32
    node_bias,  # [2**d - 1] float32
    node_norm,  # [2**d - 1] float64
    inverse_norm,  # [2**d - 1] float64, 0 for a node without weights
    order,  # [TERMS] int32, of halving_order
    slope,  # error_bound(1, 1, 0): the bound is slope * (|x| |w| + |b|) + least
    least,  # error_bound(0, 0, 0)
    leaf,  # out: [n] int32
    margin,  # out: [n] float32
    tile_count,  # out: [1] int32, set to 0 for `rank`
    rechecked,  # in, out: [1] int64: rows with a score that was too near 0 for float32
    WIDTH: tl.constexpr,
    DEPTH: tl.constexpr,
    HOP: tl.constexpr,  # levels scored at once: fewer trips to memory, (2**HOP - 1) / HOP the bytes
    TERMS: tl.constexpr,
    HALVINGS: tl.constexpr,
    BLOCK: tl.constexpr,
    TIE_GOES_RIGHT: tl.constexpr,
):
    """Find the leaf and the margin of one row per program."""
    row = tl.program_id(0)
    if row == 0:
        tl.store(tile_count, 0)
    if row >= tl.load(n_rows):
        return
    j, nearest, doubtful = walk(
        x + row.to(tl.int64) * WIDTH, node_weight, node_bias, node_norm, inverse_norm, order,
        slope, least, WIDTH, DEPTH, HOP, TERMS, HALVINGS, BLOCK, TIE_GOES_RIGHT,
    )  # fmt: skip
    store_route(row, j, nearest, doubtful, leaf, margin, rechecked)


@triton.jit
def rank(
    leaf,  # [n] int32
    n_rows,  # [1] int32
    row_order,  # out: [n] int32, rows by leaf, stable
    tiles,  # out: [tiles, 3] int32: leaf, first position in row_order, rows
    tile_count,  # in, out: [1] int32, 0 at the start
    TILE: tl.constexpr,
    MINE: tl.constexpr,
    OTHERS: tl.constexpr,
):
    """Count, for `MINE` rows a program, the rows that come before them in order of leaf."""
    n = tl.load(n_rows)
    row = tl.program_id(0) * MINE + tl.arange(0, MINE)  # [MINE]
    if tl.program_id(0) * MINE >= n:
        return
    mine = tl.load(leaf + row, mask=row < n, other=-1)
    # Three counts a thread, each added up once: a sum in the loop is a barrier in the loop.
    smaller = tl.zeros([MINE, OTHERS], tl.int32)  # rows of smaller leaves
    up_to_mine = tl.zeros([MINE, OTHERS], tl.int32)  # and of my own
    earlier = tl.zeros([MINE, OTHERS], tl.int32)  # of my own, earlier in the batch
    for start in range(0, n, OTHERS):
        other = start + tl.arange(0, OTHERS)
        theirs = tl.load(leaf + other, mask=other < n, other=2147483647)[None, :]
        smaller += (theirs < mine[:, None]).to(tl.int32)
        up_to_mine += (theirs <= mine[:, None]).to(tl.int32)
        earlier += ((theirs == mine[:, None]) & (other[None, :] < row[:, None])).to(tl.int32)
    before, peers_before = tl.sum(smaller, 1), tl.sum(earlier, 1)  # [MINE]
    peers = tl.sum(up_to_mine, 1) - before
    position = before + peers_before
    tl.store(row_order + position, row, mask=row < n)
    leads = (row < n) & (peers_before % TILE == 0)
    # Tiles take their numbers in the order they arrive; no result depends on it.
    zeros = tl.zeros([MINE], tl.int32)
    tile = tl.atomic_add(tile_count + zeros, zeros + 1, mask=leads, sem="relaxed")
    tl.store(tiles + 3 * tile, mine, mask=leads)
    tl.store(tiles + 3 * tile + 1, position, mask=leads)
    tl.store(tiles + 3 * tile + 2, tl.minimum(peers - peers_before, TILE), mask=leads)
