"""
The body of `/v1/models/M/explain`: rows as predictions take them, and what of a network.

Covered:      `layer`, by its name or number, and `tokens`, by their numbers.
Not covered:  rows (`plain_json`), how much may be explained at once (`service.inspection`).
"""

from collections.abc import Sequence
from math import inf
from typing import Any, NamedTuple

from fff.routed_layer import RoutedLayer
from model_store.manifest import Manifest, NetworkManifest
from service.errors import InvalidInput, short_repr
from service.job import Rows
from service.protocol.json_body import read_object
from service.protocol.open_inference import InputSpec
from service.protocol.plain_json import place_of_inputs, rows_of

_MOST_NAMES = 8


class Chosen(NamedTuple):
    """
    What of a network is to be explained.

    Attributes:
        layers: Numbers of layers that route, ascending.
        tokens: Numbers of their tokens, ascending; None for all.
    """

    layers: tuple[int, ...]
    tokens: tuple[int, ...] | None = None


class ExplainRequest(NamedTuple):
    """A parsed request; the rest as of `InferRequest`."""

    rows: Rows
    chosen: Chosen
    deadline_s: float = inf
    observed: bool = True


def parse_explain(body: bytes, model: InputSpec) -> ExplainRequest:
    """
    Read a request.

    Args:
        body: Whole, inflated.
        model: Gives layers, width, pixel scaling and bound.

    Raises:
        InvalidInput: Naming the field that is wrong.
        TooLarge: More numbers than a batch holds.
        HoldsLoop: In the event loop, where reading it would take long.
    """
    request = read_object(body, place_of_inputs, lambda _: model.most_numbers)
    chosen = choose(model.manifest)
    if isinstance(model.manifest, NetworkManifest):  # others have one layer, and rows are no tokens
        chosen = choose(model.manifest, request.pop("layer", None), request.pop("tokens", None))
    return ExplainRequest(rows_of(request, model), chosen)


def choose(manifest: Manifest, layer: object = None, tokens: object = None) -> Chosen:
    """
    Take a choice of layer and tokens, as JSON has them; None for all.

    Raises:
        InvalidInput: What there is, and what was asked for.
    """
    layers = manifest.layers
    numbers = tuple(range(len(layers))) if layer is None else (_number(layer, layers),)
    if tokens is None:
        return Chosen(numbers)
    most = max((layers[number].rows for number in numbers), default=0)
    if not isinstance(tokens, list) or not tokens or not all(_is_token(t, most) for t in tokens):
        raise InvalidInput(
            f"tokens must be numbers of tokens, from 0 to {most - 1}; got {short_repr(tokens)}"
        )
    return Chosen(numbers, tuple(sorted(set(tokens))))


def _number(layer: object, layers: Sequence[RoutedLayer]) -> int:
    names = [own.name for own in layers]
    if type(layer) is int and 0 <= layer < len(layers):
        return layer
    if isinstance(layer, str) and layer in names:
        return names.index(layer)
    shown = ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")
    raise InvalidInput(
        f"layer must be a layer that routes, {shown}, or its number from 0 to {len(layers) - 1}; "
        f"got {short_repr(layer)}"
    )


def _is_token(value: Any, most: int) -> bool:
    return type(value) is int and 0 <= value < most
