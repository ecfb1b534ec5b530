"""Baselines are what their names say, at every shape."""

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from fff.weights import Weights
from tests.training.toys import OURS
from training.contenders import CONTENDERS, contender
from training.learners import Moment, build_learner
from training.recipe import Recipe

SHAPES = [(4, 8, 8, 784, 10), (0, 16, 0, 784, 10), (7, 1, 0, 784, 10), (3, 2, 8, 64, 10)]
EACH_SHAPE = pytest.mark.parametrize(("depth", "leaf", "master", "inputs", "classes"), SHAPES)


def weights_of(name: str | None, recipe: Recipe, inputs: int, classes: int) -> Weights:
    chosen = recipe if name is None else contender(name, recipe, inputs, classes)
    return build_learner(chosen, inputs, classes).weights()


def recipe_of(depth: int, leaf: int, master: int) -> Recipe:
    return OURS.override({"depth": depth, "leaf_width": leaf, "master_width": master})


@EACH_SHAPE
def test_cost_is_the_fff_s_where_the_name_says_so(
    depth: int, leaf: int, master: int, inputs: int, classes: int
) -> None:
    recipe = recipe_of(depth, leaf, master)
    fff = weights_of(None, recipe, inputs, classes).flops_per_row

    equal = weights_of("equal-flops", recipe, inputs, classes).flops_per_row
    assert abs(equal - fff) <= inputs + classes  # half a neuron
    assert weights_of("fixed-tree", recipe, inputs, classes).flops_per_row == fff
    narrow = weights_of("inference-width", recipe, inputs, classes).flops_per_row
    assert narrow == fff - 2 * depth * inputs


@given(
    depth=st.integers(0, 9),
    leaf=st.integers(1, 64),
    master=st.integers(0, 64),
    inputs=st.integers(1, 4000),
    classes=st.integers(1, 1000),
)
@example(depth=8, leaf=64, master=0, inputs=784, classes=10)  # a twin of 2.85 times the cost
@example(depth=1, leaf=1, master=0, inputs=1, classes=1000)
def test_low_rank_costs_the_fff_s_within_half_a_rank_and_is_as_wide_as_half_of_it_buys(
    depth: int, leaf: int, master: int, inputs: int, classes: int
) -> None:
    fff = recipe_of(depth, leaf, master)
    cost = depth * inputs + (leaf + master) * (inputs + classes)
    thin = contender("low-rank", fff, inputs, classes)
    a_rank = inputs + thin.hidden_width

    assert abs(thin.rank * a_rank + thin.hidden_width * classes - cost) <= a_rank / 2
    assert thin.hidden_width in (1, fff.training_width) or (
        thin.hidden_width * classes <= cost / 2 < (thin.hidden_width + 1) * classes
    )


def test_low_rank_of_mnist_is_as_wide_as_the_twin() -> None:
    thin = contender("low-rank", recipe_of(4, 8, 8), 784, 10)

    assert (thin.hidden_width, thin.rank) == (136, 16)


@EACH_SHAPE
def test_widths_are_the_fff_s_where_the_name_says_so(
    depth: int, leaf: int, master: int, inputs: int, classes: int
) -> None:
    recipe = recipe_of(depth, leaf, master)

    twin = weights_of("dense", recipe, inputs, classes)
    assert tuple(twin.tensors()["w1"].shape) == (inputs, 2**depth * leaf + master)
    experts = weights_of("mixture", recipe, inputs, classes).tensors()["w1"]
    assert tuple(experts.shape) == (2**depth, inputs, leaf)


@pytest.mark.parametrize("name", CONTENDERS)
def test_a_baseline_has_everything_but_the_network_in_common_with_the_fff(name: str) -> None:
    network = {"family", "hidden_width", "rank", "experts", "top_k"}
    changed = contender(name, OURS, 784, 10).fields()

    assert {k: v for k, v in changed.items() if k not in network} == {
        k: v for k, v in OURS.fields().items() if k not in network
    }


def test_a_fixed_tree_s_routers_stay_as_they_were_drawn() -> None:
    """Its nodes get no gradient; an FFF's do."""
    for name, moves in (("fff", True), ("fixed_tree", False)):
        learner = build_learner(OURS.override({"family": name}), 3, 4)
        learner.network.train()
        answer = learner.answer(torch.randn(20, 3), Moment(1, 0.0))
        answer.logits.sum().backward()
        gradient = dict(learner.network.named_parameters())["node_weights"].grad
        assert (gradient is not None) is moves
