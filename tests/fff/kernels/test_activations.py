import math
from collections.abc import Callable

import pytest
import torch

from fff.activations import ACTIVATIONS, activation_by_name


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al., 2017
FORMULAS: dict[str, Callable[[float], float]] = {
    "elu": lambda x: x if x > 0 else math.expm1(x),
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "gelu_tanh": lambda x: x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
    "hardswish": lambda x: x * min(max(x + 3, 0), 6) / 6,
    "identity": lambda x: x,
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "mish": lambda x: x * math.tanh(softplus(x)),
    "relu": lambda x: max(x, 0.0),
    "selu": lambda x: SELU_SCALE * (x if x > 0 else SELU_ALPHA * math.expm1(x)),
    "sigmoid": sigmoid,
    "silu": lambda x: x * sigmoid(x),
    "softplus": softplus,
    "squared_relu": lambda x: max(x, 0.0) ** 2,
    "tanh": math.tanh,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_its_formula(name: str) -> None:
    x = torch.tensor([-4.0, -3.0, -1.5, -0.1, 0.0, 0.1, 1.5, 3.0, 4.0], dtype=torch.float64)

    expected = torch.tensor([FORMULAS[name](value) for value in x.tolist()], dtype=torch.float64)

    torch.testing.assert_close(activation_by_name(name)(x), expected, rtol=1e-12, atol=1e-12)


def test_an_unknown_activation_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"one of elu, gelu.*; got 'swish'"):
        activation_by_name("swish")
