# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
"""
Triton kernels of FFF-beta: walk each tree, then add up what the neurons on the paths put out.

A program walks one row down one tree; scores are decided as in `route`. Then a program adds up a
block of one row's outputs, tree after tree and neuron after neuron. What a program does depends on
the layer alone, and so do a row's bits.

Covered:      float32, any width, any number of trees.
Not covered:  rows that share neurons: each reads its own, from the cache if others have.
"""

import triton
import triton.language as tl

from fff.kernels.gpu.activations import activate
from fff.kernels.gpu.route import (
    NO_BOUNDARY,
    boundary_distance,
    canonical_row_score,
    node_products,
    row_norm,
)


@triton.jit
def walk_trees(
    x,  # [n, i] float32
    w_in,  # [k * nodes, i] float32
    b_in,  # [k * nodes] float32
    norm,  # [k * nodes] float64
    inverse_norm,  # [k * nodes] float64, 0 for a neuron without weights
    order,  # [TERMS] int32, of halving_order
    slope,  # error_bound(1, 1, 0)
    least,  # error_bound(0, 0, 0)
    hidden,  # out: [n, k, d + 1] float32, activated
    leaf,  # out: [n, k] int32
    margin,  # out: [n, k] float32
    doubt,  # in, out: [n] int32, 1 is written where a score was too near 0 for float32
    TREES: tl.constexpr,
    WIDTH: tl.constexpr,
    DEPTH: tl.constexpr,
    TERMS: tl.constexpr,
    HALVINGS: tl.constexpr,
    BLOCK: tl.constexpr,
    TIE_GOES_RIGHT: tl.constexpr,
    ACTIVATION: tl.constexpr,
):
    """Walk one row down one tree."""
    row, tree = tl.program_id(0).to(tl.int64), tl.program_id(1)
    x += row * WIDTH
    place = row * TREES + tree
    first = tree.to(tl.int64) * ((2 << DEPTH) - 1)  # of the tree's neurons
    x_norm = row_norm(x, WIDTH, BLOCK)
    node = tl.full([], 0, tl.int32)
    nearest = tl.full([], NO_BOUNDARY, tl.float32)
    for level in range(DEPTH + 1):
        neuron = first + node
        at = neuron + tl.zeros([1], tl.int64)
        real = at >= 0
        bias = tl.load(b_in + neuron).to(tl.float64)
        product = tl.sum(node_products(x, w_in, at, real, WIDTH, 1, BLOCK), 0)  # a sum of one
        score = product.to(tl.float64) + bias
        if level < DEPTH:
            size = tl.abs(score)
            bound = slope * (x_norm * tl.load(norm + neuron) + tl.abs(bias)) + least
            # NaN fails the first comparison, infinity the second.
            if not ((size > bound) & (size < float("inf"))):
                score = canonical_row_score(x, w_in + neuron * WIDTH, bias, order, TERMS, HALVINGS)
                tl.store(doubt + row, 1)
            distance = boundary_distance(score, tl.load(inverse_norm + neuron))
            # NaN, of a row that is not finite, stays.
            nearer = (distance < nearest) | (distance != distance)
            nearest = tl.where(nearer, distance, nearest)
            right = (score >= 0) if TIE_GOES_RIGHT else (score > 0)
            node = 2 * node + 1 + right.to(tl.int32)
        activated = activate(score.to(tl.float32), ACTIVATION)
        tl.store(hidden + place * (DEPTH + 1) + level, activated)
    tl.store(leaf + place, node - ((1 << DEPTH) - 1))
    tl.store(margin + place, nearest)


@triton.jit
def add_paths(
    hidden,  # [n, k, d + 1] float32
    leaf,  # [n, k] int32
    w_out,  # [k * nodes, o] float32
    y,  # out: [n, o] float32
    TREES: tl.constexpr,
    OUT: tl.constexpr,
    DEPTH: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Add up a block of one row's outputs."""
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < OUT
    sums = tl.zeros([BLOCK], tl.float32)
    for tree in range(TREES):
        place = row * TREES + tree
        # In heap order counted from 1, a node's ancestors are its number's upper bits.
        last = tl.load(leaf + place) + (1 << DEPTH)
        for level in tl.static_range(DEPTH + 1):
            neuron = tree * ((2 << DEPTH) - 1) + (last >> (DEPTH - level)) - 1
            h = tl.load(hidden + place * (DEPTH + 1) + level)
            w = tl.load(w_out + neuron.to(tl.int64) * OUT + column, mask=inside, other=0.0)
            sums += h * w
    tl.store(y + row * OUT + column, sums, mask=inside)
