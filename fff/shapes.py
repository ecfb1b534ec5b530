"""Checks that the tensors of a network are there and fit together."""

from collections.abc import Mapping

from torch import Tensor


class ShapeError(ValueError):
    """Tensors that do not fit together; the message names the shape expected and the one given."""


def expect(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    """
    Refuse a tensor of another shape.

    Raises:
        ShapeError: Naming it, the shape expected and the one given.
    """
    if tuple(tensor.shape) != shape:
        raise ShapeError(f"{name} must be {list(shape)}, got {list(tensor.shape)}")


def take(tensors: Mapping[str, Tensor], name: str) -> Tensor:
    """
    Find a tensor by its name.

    Raises:
        ShapeError: If it is missing; names those that are there.
    """
    if name not in tensors:
        raise ShapeError(f"tensor {name!r} is missing; found {', '.join(sorted(tensors))}")
    return tensors[name]
