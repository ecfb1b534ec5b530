"""`from fff import FFF` does what one expects of a layer of torch's own."""

import copy
import pickle
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from fff import FFF, reference
from tests.fff.networks import rows, tree

both_modes = pytest.mark.parametrize("training", [False, True], ids=["hard", "soft"])


def layer(m: int = 3, activation: str = "gelu_tanh") -> FFF:
    return FFF.from_weights(tree(6, 3, 2, 4, m, activation))


def test_the_package_gives_the_layer_and_imports_torch_only_then() -> None:
    code = (
        "import sys, fff; assert 'torch' not in sys.modules; fff.FFF(2, 2, 1, 1)\n"
        "try: fff.FFFF\n"
        "except AttributeError as exc: print(exc)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)

    assert done.stdout == "module 'fff' has no attribute 'FFFF'\n", done.stderr


@both_modes
@pytest.mark.parametrize("before", [(), (1,), (0,), (2, 3), (2, 0, 3), (2, 1, 3, 1)], ids=str)
def test_any_leading_dimensions(before: tuple[int, ...], training: bool) -> None:
    x, net = torch.randn(*before, 6), layer().train(training)

    y = net(x)

    assert y.shape == nn.Linear(6, 4)(x).shape
    torch.testing.assert_close(y.reshape(-1, 4), net(x.reshape(-1, 6)))
    if not training:
        output = net.hard(x)
        assert output.leaf.shape == output.margin.shape == before


@both_modes
def test_columns_and_slices_of_other_tensors_are_rows(training: bool) -> None:
    x, net = torch.randn(6, 9, 2)[..., 1].T, layer().train(training)

    torch.testing.assert_close(net(x), net(x.contiguous()))


@both_modes
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_layer_of_another_number_type(dtype: torch.dtype, training: bool) -> None:
    """Answers in it, as near as it allows; a hard one takes exactly its own weights' leaf."""
    x, net = rows(40, 6).to(dtype), layer().to(dtype).train(training)

    y = net(x)

    assert y.dtype == dtype
    wide = copy.deepcopy(net).double()
    torch.testing.assert_close(y.double(), wide(x.double()), rtol=0.05, atol=0.05)
    leaf, _ = reference.route(x.float(), net.weights())
    assert torch.equal(net.hard(x).leaf, leaf.int())
    assert net.scores(x).dtype == (torch.float64 if dtype == torch.float64 else torch.float32)


@both_modes
def test_autocast_answers_in_its_type_and_scores_in_float32(training: bool) -> None:
    x, net = rows(40, 6), layer().train(training)
    scores, leaf = net.scores(x), net.hard(x).leaf

    with torch.autocast("cpu", torch.bfloat16):
        y = net(x)
        assert torch.equal(net.scores(x), scores)
        assert torch.equal(net.hard(x).leaf, leaf)
        assert net(x.bfloat16()).dtype == torch.bfloat16  # from another layer under autocast

    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), net(x), rtol=0.05, atol=0.05)


@both_modes
def test_a_model_in_bfloat16_learns(training: bool) -> None:
    net = nn.Sequential(nn.Linear(6, 6), layer()).bfloat16().train(training)

    net(rows(9, 6).bfloat16()).float().square().sum().backward()

    for name in ("0.weight", "1.w1s", "1.w2s"):
        grad = net.get_parameter(name).grad
        assert grad is not None
        assert grad.dtype == torch.bfloat16
        assert grad.isfinite().all()


def test_hard_training_takes_the_leaf_of_evaluation_and_drops_in_it() -> None:
    x, net = rows(40, 6), layer(m=0).train()
    net.hard_training = True

    torch.testing.assert_close(net(x), net.eval()(x))
    net.leaf_dropout = 1.0
    torch.testing.assert_close(net.train()(x), net.b2s[net.hard(x).leaf])


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.ones(2, 5), r"x must be \[..., 6\], got \[2, 5\]"),
        (torch.tensor(1.0), r"x must be \[..., 6\], got \[\]"),
        (torch.ones(2, 6).double(), r"x must be torch.float32, as the layer is; got torch.float64"),
    ],
)
@both_modes
def test_rows_that_do_not_fit_are_refused(x: Tensor, message: str, training: bool) -> None:
    with pytest.raises(ValueError, match=message):
        layer().train(training)(x)


def test_copies_and_pickles_compute_the_same_and_are_their_own() -> None:
    x, net = rows(20, 6), layer().eval()
    expected = net(x)
    copied, pickled = copy.deepcopy(net), pickle.loads(pickle.dumps(net))

    with torch.no_grad():
        net.w2s.zero_()

    assert not torch.equal(net(x), expected)
    for other in (copied, pickled):
        assert torch.equal(other(x), expected)


def test_it_is_made_where_and_as_what_one_asks() -> None:
    net = FFF(6, 4, 2, 3, master_width=2, device="meta", dtype=torch.bfloat16)

    assert {(p.device.type, p.dtype) for p in net.parameters()} == {("meta", torch.bfloat16)}
    assert net.eval()(torch.ones(7, 6, device="meta", dtype=torch.bfloat16)).shape == (7, 4)


def test_print_tells_what_it_was_made_with() -> None:
    net = FFF(6, 4, 2, 3, "gelu", leaf_dropout=0.1, tie="gt")

    assert repr(net) == (
        "FFF(input_width=6, output_width=4, depth=2, leaf_width=3, activation=gelu, "
        "leaf_dropout=0.1, tie=gt)"
    )
