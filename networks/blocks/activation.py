"""An activation function between two blocks."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator
from torch import Tensor, nn

from fff.activations import activation_by_name
from fff.names import known_activation
from networks.block import Block, Shape

_MODULES: dict[type[nn.Module], str] = {
    nn.ELU: "elu",
    nn.GELU: "gelu",
    nn.Hardswish: "hardswish",
    nn.Identity: "identity",
    nn.LeakyReLU: "leaky_relu",
    nn.Mish: "mish",
    nn.ReLU: "relu",
    nn.SELU: "selu",
    nn.Sigmoid: "sigmoid",
    nn.SiLU: "silu",
    nn.Softplus: "softplus",
    nn.Tanh: "tanh",
}
"""Torch's own; those with parameters only as they are by default."""


class ActivationFunction(nn.Module):
    """
    An activation by its name.

    Args:
        function: A name of `fff.names.ACTIVATION_NAMES`.

    Raises:
        ValueError: If the name is not known.
    """

    def __init__(self, function: str):
        super().__init__()
        self.function = function
        self._act = activation_by_name(function)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return self._act(x)


class Activation(Block):
    """A function of each number."""

    type: Literal["activation"] = "activation"
    function: Annotated[str, AfterValidator(known_activation)]

    @classmethod
    def of(cls, name: str, module: nn.Module) -> Self | None:
        """Describe ours, or one of torch's as it is without arguments; dropout is the identity."""
        if isinstance(module, ActivationFunction):
            return cls(name=name, function=module.function)
        if type(module) is nn.Dropout:  # as networks are evaluated
            return cls(name=name, function="identity")
        if type(module) is nn.GELU and module.approximate == "tanh":
            return cls(name=name, function="gelu_tanh")
        function = _MODULES.get(type(module))
        if function is None or module.extra_repr() != type(module)().extra_repr():
            return None
        return cls(name=name, function=function)

    def module(self) -> nn.Module:
        """Make ours."""
        return ActivationFunction(self.function)

    def output(self, shape: Shape) -> Shape:
        """Keep the shape."""
        return shape
