"""The path explained is the path served, on every shape and at every tie."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fff.decision import NO_BOUNDARY, error_bound
from fff.explanation import Paths, explain
from fff.reference import route
from fff.weights import FFFWeights, TieRule
from networks.backends import build_backend
from tests.fff.networks import rows, tree

SHAPES = [  # n, i, d, m
    pytest.param(1, 8, 0, 0, id="depth-0-one-row"),
    pytest.param(33, 8, 0, 2, id="depth-0-and-a-master"),
    pytest.param(7, 123, 3, 3, id="nothing-divides-a-block"),
    pytest.param(64, 1, 4, 1, id="one-input"),
    pytest.param(3, 17, 7, 0, id="fewer-rows-than-leaves"),
    pytest.param(40, 2, 16, 0, id="65536-leaves"),
    pytest.param(256, 784, 4, 0, id="mnist-d4"),
    pytest.param(0, 6, 2, 0, id="no-rows"),
]
TIES: list[TieRule] = ["ge", "gt"]
BACKENDS = ["numba", "torch"]
# Scores that cancel to exactly 0, or to nothing but rounding.
NEAR_TIES = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.1, -0.1, 1e8, -1e8, 2.0**-20])


def walked(x: Tensor, w: FFFWeights) -> Paths:
    return explain(x, route(x, w)[0], w)


def assert_is_the_path_served(x: Tensor, w: FFFWeights, backend: str) -> None:
    served = build_backend(w, torch.device("cpu"), backend).infer(x)

    paths = explain(x, served.leaf[:, 0], w)  # raises if decisions do not lead there

    margin = paths.margin.clamp(max=NO_BOUNDARY)
    off = (served.margin[:, 0].double() - margin).abs()
    assert (off <= 1e-6 * margin + _float32_error(x, w, paths.node)).all()


def _float32_error(x: Tensor, w: FFFWeights, path: Tensor) -> Tensor:
    """How far a margin from float32 scores may be from the canonical one, `[n]`."""
    if not w.depth:
        return torch.zeros(len(x))
    norm = w.node_weight.double().norm(dim=-1)[path]  # [n, d]
    x_norm = x.double().norm(dim=-1, keepdim=True)
    bound = error_bound(w.input_width, x_norm, norm, w.node_bias[path])
    return torch.where(norm > 0, bound / norm, 0).amax(1)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("tie", TIES)
@pytest.mark.parametrize(("n", "i", "d", "m"), SHAPES)
def test_leaf_and_margin_are_those_served(
    n: int, i: int, d: int, m: int, tie: TieRule, backend: str
) -> None:
    assert_is_the_path_served(rows(n, i), tree(i, d, 2, 3, m, tie=tie), backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("tie", TIES)
@given(st.data())
@settings(max_examples=25, deadline=None)
def test_rows_on_boundaries_are_explained_as_they_are_served(
    backend: str, tie: TieRule, data: st.DataObject
) -> None:
    """Weights and rows of the same few numbers: most scores are ties, or differ by rounding."""
    w = tree(3, 3, 2, 2, tie=tie)
    for tensor in (w.node_weight, w.node_bias):
        drawn = data.draw(st.lists(NEAR_TIES, min_size=tensor.numel(), max_size=tensor.numel()))
        tensor.copy_(torch.tensor(drawn).view_as(tensor))
    x = torch.tensor(data.draw(st.lists(NEAR_TIES, min_size=12, max_size=12))).view(4, 3)

    assert_is_the_path_served(x, w, backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("tie", TIES)
@pytest.mark.parametrize("bias", [0.0, -0.25])
def test_a_node_without_weights_bounds_nothing(bias: float, tie: TieRule, backend: str) -> None:
    x, w = rows(40, 6), tree(6, 3, 2, 3, tie=tie)
    w.node_weight[1:] = 0  # the root alone is a boundary
    w.node_bias[1:] = bias

    assert walked(x, w).distance[:, 1:].isinf().all()
    assert_is_the_path_served(x, w, backend)


@pytest.mark.parametrize("tie", TIES)
def test_every_step_leads_from_parent_to_child_and_the_last_to_the_leaf(tie: TieRule) -> None:
    x, w = rows(100, 5), tree(5, 6, 2, 3, tie=tie)
    leaf, _ = route(x, w)
    paths = explain(x, leaf, w)

    ends = torch.cat([paths.node, (leaf + w.leaves - 1)[:, None]], 1)  # [n, d + 1]
    assert (ends[:, 0] == 0).all()
    assert torch.equal(ends[:, 1:], 2 * paths.node + 1 + paths.right)
    assert torch.equal(paths.right, paths.score >= 0)


def test_the_distance_is_how_far_the_row_must_move_to_be_decided_otherwise() -> None:
    x, w = rows(20, 5), tree(5, 1, 2, 3)
    paths = walked(x, w)
    way = torch.where(paths.right, -1.0, 1.0) * w.node_weight / w.node_weight.norm()  # [n, i]

    for share, changed in ((0.99, False), (1.01, True)):
        moved = walked((x + share * paths.distance * way).float(), w)
        assert torch.equal(moved.right, paths.right ^ changed)


def test_nothing_is_read_but_the_nodes_met() -> None:
    """So a mapped model costs what its paths cost, however many leaves it has."""
    x, w = rows(10, 5), tree(5, 8, 2, 3)
    leaf, _ = route(x, w)
    paths = explain(x, leaf, w)
    unmet = torch.ones(w.leaves - 1, dtype=torch.bool)
    unmet[paths.node] = False

    w.node_weight[unmet] = torch.nan
    leaves = {name: getattr(w, name).to("meta") for name in ("w1", "b1", "w2", "b2")}
    again = explain(x, leaf, replace(w, **leaves))

    assert torch.equal(again.score, paths.score)
    assert torch.equal(again.distance, paths.distance)


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match=r"x must be \[n, 5\], got \[2, 6\]"):
        explain(rows(2, 6), torch.zeros(2), tree(5, 2, 2, 3))


def test_a_leaf_that_the_decisions_do_not_lead_to_is_refused() -> None:
    x, w = rows(20, 5), tree(5, 3, 2, 3)
    leaf, _ = route(x, w)

    for other in range(1, w.leaves):
        wrong = leaf.clone()
        wrong[7] ^= other  # of one row alone
        with pytest.raises(ValueError, match="must be where each row's decisions lead"):
            explain(x, wrong, w)
