"""A layer's `state_dict` is the published package's, there and back."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from fff import FFF
from tests.fff.networks import rows, tree


class Published(nn.Module):
    """The parameters of `fastfeedforward.FFF` 0.2.1, in its order."""

    def __init__(self, i: int, leaf: int, o: int, depth: int, counts: bool = False):
        super().__init__()
        nodes, leaves = 2**depth - 1, 2**depth
        self.depth = nn.Parameter(torch.tensor(depth), requires_grad=False)
        shapes: dict[str, tuple[int, ...]] = {"node_weights": (nodes, i), "node_biases": (nodes, 1)}
        shapes |= {"w1s": (leaves, i, leaf), "b1s": (leaves, leaf)}
        shapes |= {"w2s": (leaves, leaf, o), "b2s": (leaves, o)}
        if counts:
            shapes |= {"node_usage": (nodes,), "leaf_usage": (leaves,)}
        for name, shape in shapes.items():
            setattr(self, name, nn.Parameter(torch.randn(shape)))


def states() -> tuple[nn.Sequential, nn.Sequential]:
    """A model around the published layer, and one around ours."""
    theirs = nn.Sequential(nn.LayerNorm(6), Published(6, 2, 4, 3))
    return theirs, nn.Sequential(nn.LayerNorm(6), FFF(6, 4, 3, 2))


def test_it_goes_there_and_back_name_by_name() -> None:
    theirs, ours = states()

    ours.load_state_dict(theirs.state_dict())
    again, _ = states()
    again.load_state_dict(ours.state_dict())

    assert [*ours.state_dict()] == [*theirs.state_dict()]
    for name, tensor in theirs.state_dict().items():
        mine, back = ours.state_dict()[name], again.state_dict()[name]
        assert torch.equal(back, tensor)
        assert (mine.shape, mine.dtype) == (tensor.shape, tensor.dtype)
    assert "1.depth" not in dict(ours.named_parameters())


def test_what_is_loaded_is_what_computes() -> None:
    """The published layer, by its definition: leaf by `score >= 0`, output bias added."""
    theirs, ours = Published(6, 2, 4, 3), FFF(6, 4, 3, 2).eval()
    ours.load_state_dict(theirs.state_dict())
    x = rows(1, 6)

    s, node, row = theirs.state_dict(), 0, x[0]
    for _ in range(3):
        right = row @ s["node_weights"][node] + s["node_biases"][node, 0] >= 0
        node = 2 * node + 1 + int(right)
    j = node - 7
    hidden = torch.relu(row @ s["w1s"][j] + s["b1s"][j])

    torch.testing.assert_close(ours(x)[0], hidden @ s["w2s"][j] + s["b2s"][j])


def test_counts_of_use_are_read_over() -> None:
    counted = Published(6, 2, 4, 3, counts=True)

    FFF(6, 4, 3, 2).load_state_dict(counted.state_dict())


def wrong(**changed: Tensor | None) -> dict[str, Tensor]:
    state = Published(6, 2, 4, 3).state_dict() | changed
    return {name: tensor for name, tensor in state.items() if tensor is not None}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (wrong(depth=torch.tensor(2)), "depth must be 3, got 2"),
        (wrong(depth=None), 'Missing key.*"depth"'),
        (wrong(w1s=None), 'Missing key.*"w1s"'),
        (wrong(magic_w1=torch.ones(1)), 'Unexpected key.*"magic_w1"'),
        (Published(6, 2, 4, 2).state_dict(), "depth must be 3, got 2"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(state: dict[str, Tensor], message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        FFF(6, 4, 3, 2).load_state_dict(state)


def test_weights_with_a_master_leaf_go_through_a_state() -> None:
    layer = FFF.from_weights(replace(tree(6, 3, 2, 4, 5, "tanh"), tie="gt"))
    other = FFF(6, 4, 3, 2, "tanh", master_width=5, tie="gt")

    other.load_state_dict(layer.state_dict())

    x = rows(9, 6)
    assert torch.equal(other.eval()(x), layer.eval()(x))
