"""A leaf learns from all of its rows, and from its neighbours' as far as is said."""

import numpy as np
import pytest

from evaluation.samples import Inputs
from tests.training.field.surfaces import rows, waves
from training.field.cells import Cells
from training.field.neighbours import PLANES, neighbourhoods
from training.field.tree import grow


def cells_of(x: Inputs, depth: int) -> Cells:
    return Cells.of(grow(x, waves(x).astype(np.float64), depth, "median", 1).leaf_of(x))


@pytest.mark.parametrize("overlap", [0.0, 0.5])
@pytest.mark.parametrize("depth", [0, 4, 8])
def test_every_leaf_has_its_own_rows_in_full_and_no_row_twice(depth, overlap):
    x = rows(1000)
    cells = cells_of(x, depth)
    near = neighbourhoods(x, cells, overlap, 0.3)

    for leaf, its_own in enumerate(np.split(cells.order, cells.start[1:])):
        of_leaf = near.cells.cell == leaf
        weight = dict(zip(near.row[of_leaf], near.weight[of_leaf], strict=True))
        assert len(weight) == of_leaf.sum()
        assert all(weight.pop(row) == 1 for row in its_own)
        assert all(0 < each <= 0.3 for each in weight.values())
    inside = (
        np.abs(x[near.row] - near.centre[near.cells.cell]) <= 1.0001 * near.half[near.cells.cell]
    )
    assert inside.all()


def test_without_overlap_only_thin_cells_have_others_rows():
    x = rows(1000)
    assert (neighbourhoods(x, cells_of(x, 5), 0.0, 0.3).weight == 1).all()
    thin = neighbourhoods(x, cells_of(x, 8), 0.0, 0.3)
    assert (thin.cells.rows == PLANES * 3).all()


def test_rows_beyond_the_overlap_do_not_count():
    x = rows(4000, 1)
    near = neighbourhoods(x, cells_of(x, 3), 0.5, 1.0)

    for leaf in range(8):
        of_leaf = near.cells.cell == leaf
        low, high = x[near.row[of_leaf & (near.weight == 1)]].min(), x[near.row[of_leaf]].max()
        side = 0.25  # of eight cells over [-1, 1]
        assert high - low < side + 1.1 * side / 2
