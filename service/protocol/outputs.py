"""
The tensors that an answer can hold, and which of them a model offers.

Covered:      their names, datatypes and numbers; what they mean, in a model's description.
Not covered:  how they are requested (`infer_request`) and written (`open_inference`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from fff.routed_layer import leaf_shape
from model_store.columns import Target
from model_store.manifest import Manifest
from service.errors import InvalidInput, short_repr
from service.job import Answer


@dataclass(frozen=True, slots=True)
class Output:
    """A tensor that an answer can hold; `wide` if it has as many numbers as the logits."""

    datatype: str
    of: Callable[[Answer], npt.NDArray[Any]]
    wide: bool = False


def softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Class probabilities, `[r, o]`, shifted by the largest logit so that none overflows."""
    with np.errstate(over="ignore"):  # of two logits too far apart, one has no share
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: npt.NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return shares


OUTPUTS = {
    "logits": Output("FP32", lambda answer: answer.logits, wide=True),
    "probabilities": Output("FP32", lambda answer: softmax(answer.logits), wide=True),
    "class": Output("INT64", lambda answer: answer.logits.argmax(axis=1)),
    "leaf": Output("INT32", lambda answer: answer.leaf),
    "margin": Output("FP32", lambda answer: answer.margin),
}
_OF_CLASSES = frozenset({"probabilities", "class"})
_OF_REGRESSION = {name: output for name, output in OUTPUTS.items() if name not in _OF_CLASSES}


def offered_outputs(manifest: Manifest) -> dict[str, Output]:
    """The tensors of a model, by their names: of a regression none that is about classes."""
    return OUTPUTS if manifest.targets is None else _OF_REGRESSION


def named_outputs(names: Sequence[object]) -> tuple[str, ...]:
    """
    Take the names of the outputs that a request names, whatever its model is.

    Raises:
        InvalidInput: One that is no text, or is named twice.
    """
    texts = tuple(name for name in names if isinstance(name, str))
    if len(texts) != len(names) or len(set(texts)) != len(texts):
        raise InvalidInput(f"outputs must name each once, as text; got {short_repr(list(names))}")
    return texts


def check_offered(names: Sequence[str], manifest: Manifest) -> None:
    """
    Check the outputs that a request names, each once, for its model.

    Raises:
        InvalidInput: One that the model does not offer.
    """
    offered = offered_outputs(manifest)
    for name in names:  # of every request: quicker than to make a set or a list
        if name not in offered:
            raise _not_offered(names, manifest)


def _not_offered(names: Sequence[str], manifest: Manifest) -> InvalidInput:
    offered = offered_outputs(manifest)
    others = [name for name in names if name not in offered]
    why = ""
    if not _OF_CLASSES.isdisjoint(others):
        why = f"; this model predicts {manifest.predicts}, it has no classes"
    known = ", ".join(offered)
    return InvalidInput(f"outputs must be among {known}; got {short_repr(others)}{why}")


def meaning(manifest: Manifest) -> dict[str, str]:
    """
    What the logits of a model mean, as parameters of the protocol: texts by their names.

    Always its `task`; `targets` and `classes` are JSON, where it has them, in the logits' order.
    """
    described: dict[str, str] = {"task": manifest.task}
    if manifest.targets is not None:
        shown = [shown_target(target) for target in manifest.targets]
        described["targets"] = orjson.dumps(shown).decode()
    if manifest.classes is not None:
        described["classes"] = orjson.dumps(manifest.classes).decode()
    return described


def shown_target(target: Target) -> dict[str, str | float | None]:
    """What a client must know of a value: its name, its unit, and how near is near enough."""
    return {"name": target.name, "unit": target.unit, "tolerance": target.tolerance}


def output_shapes(manifest: Manifest) -> dict[str, list[int]]:
    """Of each tensor that a model offers, -1 for rows."""
    leaves = [*leaf_shape(manifest.layers)]
    widths = {
        "logits": [manifest.output_width],
        "probabilities": [manifest.output_width],
        "class": [],
        "leaf": leaves,
        "margin": leaves,
    }
    return {name: [-1, *widths[name]] for name in offered_outputs(manifest)}
