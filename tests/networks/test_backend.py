"""A network computes what its modules do, and says which leaf each token took."""

from typing import Any

import numpy as np
import pytest
import torch

from evaluation.leaf_counts import LeafCounts
from fff.leaf_numbers import one_by_one
from fff.weights import FFFWeights
from networks import reference
from networks.backend import NetworkBackend
from networks.backends import build_backend, choose_backend
from networks.routed import NO_LEAF
from networks.weights import NetworkWeights
from tests.networks.models import (
    IMAGE,
    beta_weights,
    examples,
    stack_weights,
    vision_transformer,
    vit_weights,
)

CPU = torch.device("cpu")
NETWORKS = pytest.mark.parametrize("make", [vit_weights, stack_weights, beta_weights])
TOLERANCE = 1e-5


@NETWORKS
@pytest.mark.parametrize("backend", ["numba", "torch"])
@pytest.mark.parametrize("n", [0, 1, 5, 700])
def test_a_backend_answers_as_the_reference(make: Any, backend: str, n: int) -> None:
    network = make()
    x = examples(n, network)

    result = build_backend(network, CPU, backend).infer(x)

    truth = reference.infer(x, network)
    other, near = reference.turned(truth, result)
    assert result.leaf.shape == truth.leaf.shape == result.margin.shape
    assert not (other & ~near).any()
    same = ~other
    assert torch.allclose(result.logits[same], truth.logits[same], atol=TOLERANCE)
    assert torch.allclose(result.margin[same], truth.margin[same], atol=TOLERANCE)


@NETWORKS
def test_the_model_itself_answers_as_its_network(make: Any) -> None:
    network = make()
    x = examples(40, network)

    result = build_backend(network, CPU).infer(x)

    with torch.inference_mode():
        logits = network.modules(x.view(-1, *network.input_shape))
    assert torch.allclose(result.logits, logits, atol=TOLERANCE)


@NETWORKS
def test_a_strict_backend_gives_an_example_the_same_bits_in_any_company(make: Any) -> None:
    network = make()
    x = examples(67, network)
    backend = build_backend(network, CPU, strict=True)

    together = backend.infer(x)

    for n in (0, 13, 66):
        alone = backend.infer(x[n : n + 1])
        assert torch.equal(alone.logits[0], together.logits[n])
        assert torch.equal(alone.leaf[0], together.leaf[n])
    assert backend.output_class == "strict"


def test_layers_by_their_operator_answer_as_by_their_backends() -> None:
    """As on a GPU, where rows stay on the device."""
    network = NetworkWeights.of(vision_transformer(master_width=3), IMAGE)
    x = examples(9, network)

    result = NetworkBackend(network, CPU, None).infer(x)

    expected = build_backend(network, CPU).infer(x)
    assert torch.equal(result.leaf, expected.leaf)
    assert torch.allclose(result.logits, expected.logits, atol=TOLERANCE)


def test_leaves_are_of_each_layer_and_token() -> None:
    network = vit_weights()
    x = examples(3, network)
    backend = build_backend(network, CPU)
    assert isinstance(backend, NetworkBackend)

    result, (given,) = backend.infer_and_keep(x, inputs=True)

    layer = network.layer("3.1")
    assert isinstance(layer, FFFWeights)
    alone = build_backend(layer, CPU).infer(given.reshape(-1, 8))
    assert result.leaf.shape == (3, 1, 4)
    assert torch.equal(result.leaf, alone.leaf.view(3, 1, 4))
    assert [tree.depth for tree in backend.trees] == [3]


def test_a_layer_of_rows_behind_one_of_tokens_has_no_leaf_for_the_others() -> None:
    from fff.layers import FFF

    model = vision_transformer()
    model.append(FFF(5, 5, 1, 2))
    network = NetworkWeights.of(model.eval(), IMAGE)

    leaf = build_backend(network, CPU).infer(examples(2, network)).leaf

    assert leaf.shape == (2, 2, 4)
    assert (leaf[:, 1, 0] >= 0).all()
    assert (leaf[:, 1, 1:] == NO_LEAF).all()


def test_a_layer_of_several_trees_has_a_leaf_in_each() -> None:
    network = beta_weights()

    leaf = build_backend(network, CPU).infer(examples(5, network)).leaf

    assert [(layer.leaves, layer.trees) for layer in network.layers] == [(12, 3), (8, 1)]
    assert leaf.shape == (5, 4, 9)
    assert (leaf[:, :3] >= 0).all()
    assert (leaf[:, 3, 1:] == NO_LEAF).all()
    counts = LeafCounts(network, leaf.numpy()).rows
    assert [int(rows.sum()) for rows in counts] == [5 * 3 * 9, 5]
    second_tree = np.bincount(leaf[:, 1].flatten().numpy(), minlength=4)
    assert np.array_equal(counts[0][4:8], second_tree)


def test_a_dense_network_is_computed_by_torch_and_has_no_leaves() -> None:
    network = NetworkWeights.of(vision_transformer(depth=-1), IMAGE)

    result = build_backend(network, CPU).infer(examples(2, network))

    assert choose_backend(network, CPU).name == "torch"
    assert result.leaf.shape == result.margin.shape == (2, 0)


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match=r"x must be \[n, 36\], got \[2, 35\]"):
        build_backend(vit_weights(), CPU).infer(torch.zeros(2, 35))


def test_tokens_laid_out_one_a_row_are_counted_where_they_are() -> None:
    """As rows of requests of different lengths are, `[tokens, layers, 1]`."""
    leaf = np.array([3, NO_LEAF, 0], np.int32)[:, None, None]

    numbers, margins = one_by_one(leaf, np.arange(3.0)[:, None, None], 4)

    assert (numbers.tolist(), margins.tolist()) == ([3, 0], [0.0, 2.0])
