"""A batch on its way through the modules of a network."""

from dataclasses import dataclass, field

from torch import Tensor, nn

from fff.inference_result import InferenceResult


@dataclass(slots=True)
class Run:
    """
    What modules know of a batch beside its numbers.

    Attributes:
        mask: Which tokens there are, `[n, t]`, bool; None where all are.
        layers: Gets the result of each layer that routes, in order, of its rows one by one.
        inputs: Gets what each of these layers was given, `[n, i]` or `[n, t, i]`; None where
            nobody asks for it.
    """

    mask: Tensor | None = None
    layers: list[InferenceResult] = field(default_factory=list)
    inputs: list[Tensor] | None = None


class InRun(nn.Module):
    """A module that looks at its run: `forward(x, run)`. Others are called with `x` alone."""


class Chain(nn.Sequential, InRun):
    """Modules one after the other."""

    def forward(self, x: Tensor, run: Run | None = None) -> Tensor:
        """Compute each module on what the one before has made."""
        for module in self:
            x = module(x, run) if isinstance(module, InRun) else module(x)
        return x
