"""
Rows grouped by leaf on the device: each once, in order, counted, in tiles of one leaf.

Started by `test_kernels.py`, in Triton's interpreter and on a GPU.
"""

import pytest
import torch

from fff import reference
from fff.errors import BackendUnavailable
from fff.kernels.gpu.launch import launch_tiles, most_tiles, place
from fff.kernels.gpu.layer import PackedLeaves, scratch
from fff.kernels.gpu.leaves import TILE
from tests.fff.kernels.gpu.device import DEVICE
from tests.fff.networks import rows, tree


@pytest.mark.parametrize("skew", ["even", "one-leaf", "half-in-one", "own-leaf"])
@pytest.mark.parametrize("n", [1, 16, 17, 130])
def test_tiles_cover_each_row_once_in_leaf_order(skew: str, n: int) -> None:
    draw = torch.randint(0, 9, (n,))
    leaf = {
        "even": draw,
        "one-leaf": torch.full((n,), 5),
        "half-in-one": torch.where(draw < 5, 3, draw),
        "own-leaf": torch.randperm(n),
    }[skew].int()
    groups = scratch(256, DEVICE)

    place(leaf.to(DEVICE), torch.tensor([n], dtype=torch.int32, device=DEVICE), groups, 256)

    order, tiles, count = groups[0][:n].long().cpu(), groups[1], int(groups[2])
    assert torch.equal(order, leaf.argsort(stable=True))
    assert count <= most_tiles(n, 256)
    spans = sorted((first, j, size) for j, first, size in tiles[:count].tolist())
    assert [first for first, _, _ in spans] + [n] == [0] + [f + size for f, _, size in spans]
    for first, j, size in spans:
        assert size <= TILE
        assert leaf[order[first : first + size]].unique().tolist() == [j]


def test_a_leaf_beyond_the_kernels_offsets_is_refused() -> None:
    w1, w2 = (torch.zeros(1).expand(1, *shape) for shape in ((70_000, 40_000), (40_000, 3)))
    b1, b2 = torch.zeros(1, 40_000), torch.zeros(1, 3)

    with pytest.raises(BackendUnavailable, match="got 40000 neurons of 70000 inputs"):
        PackedLeaves.pack(w1, b1, w2, b2, "relu", torch.bfloat16, DEVICE)


def test_a_row_may_visit_two_leaves() -> None:
    """As mixtures of experts do in `bench.gpu`: visit `v` is one of row `v // 2`."""
    x, w, chosen = rows(11, 9), tree(9, 2, 3, 5), torch.randint(0, 4, (22,))
    leaves = PackedLeaves.pack(w.w1, w.b1, w.w2, w.b2, w.activation, torch.float32, DEVICE)
    groups = scratch(22, DEVICE)
    count = torch.tensor([22], dtype=torch.int32, device=DEVICE)
    y = torch.empty(22, 5, device=DEVICE)

    place(chosen.int().to(DEVICE), count, groups, 22)
    launch_tiles(leaves, most_tiles(22, 4), x.to(DEVICE), groups, y, fanout=2)

    torch.testing.assert_close(y.cpu(), reference.leaves(x.repeat_interleave(2, 0), chosen, w))
