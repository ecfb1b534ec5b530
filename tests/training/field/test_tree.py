"""A tree shares its rows out: every cut keeps enough on both sides, and routes as it is served."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fff.reference import route
from fff.weights import FFFWeights
from tests.training.field.surfaces import rows, waves
from training.field.splits import SPLITS
from training.field.tree import Tree, grow


def served(tree: Tree, depth: int) -> FFFWeights:
    leaves, inputs = 2**depth, tree.node_weight.shape[1]
    return FFFWeights(
        torch.from_numpy(tree.node_weight),
        torch.from_numpy(tree.node_bias),
        torch.zeros(leaves, inputs, 1),
        torch.zeros(leaves, 1),
        torch.zeros(leaves, 1, 1),
        torch.zeros(leaves, 1),
        "relu",
    )


@pytest.mark.parametrize("splits", SPLITS)
@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(1, 300),
    inputs=st.integers(1, 4),
    depth=st.integers(0, 6),
    least=st.integers(1, 9),
    repeated=st.booleans(),
)
def test_every_cell_that_is_cut_keeps_enough_rows_on_both_sides(
    splits, n, inputs, depth, least, repeated
):
    x = rows(n, inputs)
    if repeated:  # a few coordinates alone, as a raster has
        x = np.round(2 * x) / np.float32(2)
    tree = grow(x, waves(x).astype(np.float64), depth, splits, least)
    leaf = tree.leaf_of(x)

    assert ((leaf >= 0) & (leaf < 2**depth)).all()
    counts = np.bincount(leaf, minlength=2**depth)
    assert (counts[counts > 0] >= min(least, n)).all()
    norms = np.linalg.norm(tree.node_weight.astype(np.float64), axis=1)
    assert np.allclose(norms[norms > 0], 1, atol=1e-6)


@pytest.mark.parametrize("splits", SPLITS)
def test_rows_are_grown_into_the_leaves_that_serve_them(splits):
    x = np.round(20 * rows(2000)) / np.float32(20)
    tree = grow(x, waves(x).astype(np.float64), 7, splits, 2)

    leaf, _ = route(torch.from_numpy(x), served(tree, 7))

    assert np.array_equal(tree.leaf_of(x), leaf.numpy())


@pytest.mark.parametrize("splits", ["median", "principal"])
def test_halves_are_halves_where_rows_differ(splits):
    x = rows(1024)
    counts = np.bincount(grow(x, waves(x).astype(np.float64), 5, splits, 1).leaf_of(x))

    assert counts.tolist() == [32] * 32


def test_two_means_cut_between_two_clusters_however_uneven():
    x = np.concatenate((rows(30) / 10 - 0.5, rows(300) / 10 + 0.5)).astype(np.float32)
    leaf = grow(x, waves(x).astype(np.float64), 1, "two_means", 1).leaf_of(x)

    assert (len(set(leaf[:30])), len(set(leaf[30:]))) == (1, 1)
    assert leaf[0] != leaf[-1]


def test_cells_are_smaller_where_a_plane_fits_badly():
    x = rows(4000, 1)
    rough = np.where(x > 0, np.sin(60 * x), 0).astype(np.float64)
    leaf = grow(x, rough, 4, "error", 2).leaf_of(x)

    right = {*leaf[x[:, 0] > 0.01]}
    assert len(right) > 9


def test_where_no_cut_is_possible_rows_go_right_and_meet_no_boundary():
    x = np.zeros((50, 3), np.float32)
    tree = grow(x, np.zeros((50, 1)), 3, "median", 1)

    assert set(tree.leaf_of(x)) == {7}
    _, margin = route(torch.from_numpy(x), served(tree, 3))
    assert (margin == torch.finfo(torch.float32).max).all()


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(2, 60),
    inputs=st.integers(1, 3),
    classes=st.integers(2, 4),
    least=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_no_cut_makes_classes_purer_than_that_by_gain(n, inputs, classes, least, seed):
    x = np.round(4 * rows(n, inputs, seed)) / np.float32(4)
    y = np.eye(classes)[np.random.default_rng(seed).integers(classes, size=n)]

    def missed(right: np.ndarray) -> float:
        if min(right.sum(), n - right.sum()) < least:
            return np.inf
        return sum(float(((y[s] - y[s].mean(0)) ** 2).sum()) for s in (right, ~right))

    found = missed(grow(x, y, 1, "gain", least).leaf_of(x) == 1)
    others = [missed(x[:, axis] >= at) for axis in range(inputs) for at in np.unique(x[:, axis])]

    assert found <= min(others) + 1e-9 or min(others) >= missed_by_mean(y) - 1e-6


def missed_by_mean(y: np.ndarray) -> float:
    return float(((y - y.mean(0)) ** 2).sum())
