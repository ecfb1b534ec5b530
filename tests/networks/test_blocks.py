"""Blocks describe modules and make them again, and refuse what is no network."""

import json
from typing import Any

import pytest
import torch
from torch import nn

from fff.shapes import ShapeError
from networks import ActivationFunction, Pooling
from networks.block import Block, BlockError, parse_blocks
from networks.weights import NetworkWeights
from tests.networks.models import (
    IMAGE,
    beta_weights,
    stack_weights,
    vision_transformer,
    vit_weights,
)

LINEAR = {"name": "a", "type": "linear", "input_width": 2, "output_width": 3}


@pytest.mark.parametrize("make", [vit_weights, stack_weights, beta_weights])
def test_what_a_network_is_described_by_makes_it_again(make: Any) -> None:
    network = make()
    described = json.loads(json.dumps(network.described))

    again = NetworkWeights.from_tensors(network.tensors(), described, network.input_shape)

    assert again.described == described
    assert all(torch.equal(again.tensors()[name], t) for name, t in network.tensors().items())


def test_tensors_have_the_names_that_the_model_has_for_them() -> None:
    model = vision_transformer(master_width=2)

    network = NetworkWeights.of(model, IMAGE)

    assert network.tensors().keys() == dict(model.named_parameters()).keys()


def test_a_model_and_its_network_share_their_weights() -> None:
    model = vision_transformer()
    network = NetworkWeights.of(model, IMAGE)

    with torch.no_grad():
        next(model.parameters()).fill_(3)

    assert (next(iter(network.tensors().values())) == 3).all()


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([LINEAR | {"type": "pickle"}], "a: block 'pickle' is not known; known are activation, "),
        ([LINEAR | {"type": 7}], "a: block 7 is not known"),
        ([LINEAR | {"code": "import os"}], "a: code: Extra inputs are not permitted"),
        ([LINEAR | {"input_width": 0}], "a: input_width: Input should be greater than"),
        ([LINEAR | {"name": "a.b"}], "a.b: name: String should match"),
        ([LINEAR, LINEAR], "a: two blocks have this name"),
        ([3], "a block must be an object, got 3"),
        ({}, "blocks must be a list of 1 to 1024"),
        ([], "blocks must be a list of 1 to 1024"),
        ([LINEAR] * 1025, "blocks must be a list of 1 to 1024"),
        ([{"name": "r", "type": "residual", "blocks": [LINEAR | {"type": "x"}]}], "r.a: block 'x'"),
        ([{"name": "c", "type": "attention", "width": 6, "heads": 4}], "must be a multiple of"),
        (
            [{"name": "p", "type": "patch_embedding", "image": [1, 5, 5], "patch": 2, "width": 2}],
            "patches of 2 pixels must fill the image",
        ),
    ],
)
def test_what_is_no_block_is_refused_by_its_name(blocks: Any, message: str) -> None:
    with pytest.raises(BlockError, match=message.replace("(", r"\(")):
        parse_blocks(blocks)


def test_blocks_lie_in_each_other_only_so_deep() -> None:
    block: dict[str, Any] = dict(LINEAR)
    for _ in range(2000):
        block = {"name": "r", "type": "residual", "blocks": [block]}

    with pytest.raises(BlockError, match="blocks may lie in 8 others, not in more"):
        parse_blocks([block])


def test_a_module_that_no_block_is_for_is_refused_by_its_name() -> None:
    with pytest.raises(BlockError, match=r"1: no block is made of Tanhshrink\(\)"):
        NetworkWeights.of(nn.Sequential(nn.Linear(2, 2), nn.Tanhshrink()), (2,))


@pytest.mark.parametrize("module", [nn.LeakyReLU(0.3), nn.Softplus(2), nn.ELU(0.5)])
def test_an_activation_that_is_not_as_usual_is_not_taken_for_one_that_is(module: nn.Module) -> None:
    with pytest.raises(BlockError, match="no block is made of"):
        NetworkWeights.of(nn.Sequential(nn.Linear(2, 2), module), (2,))


@pytest.mark.parametrize(
    "module", [nn.GELU(), nn.GELU("tanh"), nn.ReLU(), nn.SiLU(), ActivationFunction("squared_relu")]
)
def test_an_activation_is_the_same_function_when_it_is_made_again(module: nn.Module) -> None:
    x = torch.linspace(-3, 3, 14).view(2, 7)

    network = NetworkWeights.of(nn.Sequential(module), (7,))

    assert torch.equal(network.modules(x), module(x))


def test_dropout_is_nothing_when_a_network_is_served() -> None:
    network = NetworkWeights.of(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.9)), (2,))

    assert network.described[1] == {"name": "1", "type": "activation", "function": "identity"}


def test_blocks_that_do_not_fit_are_named() -> None:
    with pytest.raises(ShapeError, match=r"1: must be given a width of 4, got shape \[3\]"):
        NetworkWeights.of(nn.Sequential(nn.Linear(2, 3), nn.Linear(4, 2)), (2,))
    with pytest.raises(ShapeError, match=r"0: must be given tokens, \[t, w\], got shape \[3\]"):
        NetworkWeights.of(nn.Sequential(Pooling()), (3,))


def test_a_block_larger_than_memory_is_refused_before_it_is_made() -> None:
    wide = LINEAR | {"input_width": 1 << 31, "output_width": 1 << 20}
    wider = wide | {"output_width": 1 << 31}

    with pytest.raises(ShapeError, match="tensor 'a.weight' is missing"):
        NetworkWeights.from_tensors({}, [wide], (1 << 31,))
    with pytest.raises(BlockError, match="names of their own: .*'forward'|forward"):
        NetworkWeights.from_tensors({}, [LINEAR | {"name": "forward"}], (2,))
    with pytest.raises(BlockError, match="blocks must have tensors that can be"):
        NetworkWeights.from_tensors({}, [wider], (1 << 31,))


def test_costs_of_a_network_are_those_of_its_blocks() -> None:
    network, layers = stack_weights(), [(6, 7, 1), (7, 8, 2), (8, 4, 3)]

    assert network.flops_per_row == sum(2 * d * i + 2 * 3 * (i + o) for i, o, d in layers)
    assert network.bytes_per_row == sum(
        network.layer(layer.name).bytes_per_row for layer in network.layers
    )


def test_every_type_of_block_is_tried_here() -> None:
    seen = {block["type"] for block in _all_blocks(vit_weights().described)}
    seen |= {block["type"] for block in _all_blocks(stack_weights().described)}
    seen |= {block["type"] for block in _all_blocks(beta_weights().described)}
    dense = NetworkWeights.of(vision_transformer(depth=-1), IMAGE).described
    seen |= {block["type"] for block in _all_blocks(dense)}

    of_texts = {"token_embedding", "sinusoidal_position"}  # in test_ragged and beside it
    assert Block.types.keys() - seen == of_texts


def _all_blocks(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [b for block in blocks for b in [block, *_all_blocks(block.get("blocks", []))]]
