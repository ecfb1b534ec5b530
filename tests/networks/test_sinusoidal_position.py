"""Places as sines and cosines: what the paper's formula says, for any length, kept in a store."""

import pytest
import torch
from torch import nn

from model_store.store import Store
from networks import SinusoidalPosition
from networks.backends import build_backend
from networks.block import BlockError, parse_blocks
from networks.weights import NetworkWeights
from tests.service import toys


def test_a_place_is_told_by_the_formula_whatever_the_length():
    module = SinusoidalPosition(6)
    module.scale.data.fill_(2.0)
    place, width = 5, 6

    for length in (6, 9):
        added = module(torch.ones(1, length, width))[0, place] - 1
        for k in range(0, width, 2):
            angle = torch.tensor(place / 1e4 ** (k / width))
            assert torch.allclose(added[k : k + 2], 2 * torch.stack([angle.sin(), angle.cos()]))


def test_it_is_stored_and_served_as_it_was_trained(tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(9, 4), SinusoidalPosition(4), nn.Linear(4, 9))
    store = Store(tmp_path)
    weights = NetworkWeights.of(model, [7])
    store.publish("toy", weights, origin=toys.ORIGIN, output="token_logits")
    ids = torch.tensor([[1, 2, 3], [4, 5, 6]], dtype=torch.int32)

    served = build_backend(store.load("toy").weights, torch.device("cpu")).infer(ids)

    with torch.inference_mode():
        assert torch.allclose(served.logits, model(ids), atol=1e-6)
    model(ids).sum().backward()  # places that were computed for serving are no obstacle
    (scale,) = [parameter for parameter in model.parameters() if parameter.shape == (1,)]
    assert scale.grad is not None


def test_an_odd_width_is_refused():
    with pytest.raises(BlockError, match="place: width"):
        parse_blocks([{"name": "place", "type": "sinusoidal_position", "width": 5}])
