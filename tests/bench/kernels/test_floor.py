"""The bench's ceilings: what a batch reads, and that the reader reads it."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from bench.kernels.floor import floor_s, model_bytes, traffic
from bench.memory_read import STEP, Reader, last_level_cache_bytes, read_pieces, written_buffer
from bench.networks import Shape, random_tree

LEAF_BYTES = 4 * (3 * (40 + 5 + 1) + 5)
NODE_BYTES = 4 * 40
ROW_BYTES = 4 * (40 + 5)


@pytest.fixture
def tree():
    return random_tree(Shape(i=40, o=5, l=3, d=3), torch.Generator().manual_seed(0))


def test_each_leaf_and_node_of_a_batch_counts_once(tree):
    # Leaves 0 and 1 share a parent: nodes 0, 1 and 3. Leaf 7 has nodes 0, 2 and 6.
    met = traffic(torch.tensor([0, 0, 1, 1, 0, 7, 7, 0]), 4, tree)

    assert met.leaves == 2
    assert met.bytes == 2 * LEAF_BYTES + (3 + 5) / 2 * NODE_BYTES + 4 * ROW_BYTES


def test_the_pieces_lie_in_the_model_and_fill_it(tree):
    start, size = traffic(torch.arange(8), 8, tree).pieces.T

    assert (start % STEP == 0).all()
    assert (size % STEP == 0).all()
    assert (start + size).max() == model_bytes(tree)
    assert len(np.unique(start)) == 8 + 7


def test_a_tree_without_nodes_has_pieces_of_leaves_only():
    tree = random_tree(Shape(i=40, o=5, l=3, d=0), torch.Generator().manual_seed(0))

    assert traffic(torch.zeros(4, dtype=torch.long), 4, tree).leaves == 1


def test_the_floor_is_the_nearer_ceiling():
    assert floor_s(flops=100, flops_s=10, touched_bytes=30, bytes_s=10) == 10
    assert floor_s(flops=100, flops_s=10, touched_bytes=300, bytes_s=10) == 30


def test_the_reader_reads_every_word_of_its_pieces_once():
    buffer = written_buffer(8 * STEP)
    buffer[:] = 0
    words = buffer.view(np.int32)
    pieces = np.array([[0, STEP], [4 * STEP, 2 * STEP]])

    def mixed():
        return read_pieces(buffer.ctypes.data, pieces.ctypes.data, 0, 2)

    for place, counts in ((0, True), (STEP, False), (4 * STEP, True), (6 * STEP, False)):
        words[place // 4] = 5
        assert mixed() == (5 if counts else 0)
        words[place // 4] = 0


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_share_the_pieces_without_leaving_one_out(threads):
    pieces = np.array([[k * STEP, STEP] for k in range(7)])

    with ThreadPoolExecutor(threads) as pool:
        reader = Reader(written_buffer(7 * STEP), pieces, threads, pool)
        reader()

    assert reader.bytes == 7 * STEP
    assert [k for part in reader.parts for k in range(*part)] == list(range(7))


def test_some_cache_is_found():
    assert last_level_cache_bytes() >= 1 << 20
