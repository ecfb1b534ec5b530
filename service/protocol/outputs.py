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
from service.job import Answer, Rows
from service.protocol.top_tokens import top_tokens


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


def _of_request(_: Answer) -> npt.NDArray[Any]:
    raise AssertionError("made of a request, too, by `tensors_of`. This is a bug.")


EVERY_OUTPUT = {
    "logits": Output("FP32", lambda answer: answer.logits, wide=True),
    "embedding": Output("FP32", lambda answer: answer.logits, wide=True),
    "token_logits": Output("FP32", lambda answer: answer.logits, wide=True),
    "top_ids": Output("INT64", _of_request),
    "top_probabilities": Output("FP32", _of_request),
    "probabilities": Output("FP32", lambda answer: softmax(answer.logits), wide=True),
    "class": Output("INT64", lambda answer: answer.logits.argmax(axis=1)),
    "leaf": Output("INT32", lambda answer: answer.leaf),
    "margin": Output("FP32", lambda answer: answer.margin),
}
_OF_CLASSES = frozenset({"probabilities", "class"})
TOP = ("top_ids", "top_probabilities")
"""What a request gets that says how many ids it wants, `top_k`."""


def _only(*names: str) -> dict[str, Output]:
    return {name: EVERY_OUTPUT[name] for name in (*names, "leaf", "margin")}


OUTPUTS = _only("logits", "probabilities", "class")
_OF_REGRESSION = _only("logits")
_OF_EMBEDDING = _only("embedding")
_OF_TOKENS = _only("token_logits", *TOP)


def offered_outputs(manifest: Manifest) -> dict[str, Output]:
    """The tensors of a model, by their names: of a regression none that is about classes."""
    if manifest.main_output != "logits":
        return _OF_EMBEDDING if manifest.main_output == "embedding" else _OF_TOKENS
    return OUTPUTS if manifest.targets is None else _OF_REGRESSION


def tensors_of(
    names: Sequence[str], answer: Answer, rows: Rows, top_k: int, mask_token: int | None
) -> list[npt.NDArray[Any]]:
    """
    Make the tensors of an answer.

    Args:
        names: Of outputs that the model offers.
        answer: To the rows.
        rows: Of the request.
        top_k: How many ids of each place; 0 where the request does not say.
        mask_token: Whose places are looked at; None if all are.
    """
    if not top_k:
        return [EVERY_OUTPUT[name].of(answer) for name in names]
    ids, shares = top_tokens(answer.logits, rows, top_k, mask_token)
    top: dict[str, npt.NDArray[Any]] = {TOP[0]: ids, TOP[1]: shares}
    return [top[name] if name in top else EVERY_OUTPUT[name].of(answer) for name in names]


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


def check_offered(names: Sequence[str], manifest: Manifest, top_k: int = 0) -> None:
    """
    Check the outputs that a request names, each once, for its model.

    Raises:
        InvalidInput: One that the model does not offer; or `top_k` of one that has no such ids.
    """
    offered = offered_outputs(manifest)
    if top_k and offered is not _OF_TOKENS:
        raise InvalidInput("parameters.top_k: this model does not answer with ids of tokens")
    for name in names:  # of every request: quicker than to make a set or a list
        if name not in offered:
            raise _not_offered(names, manifest)
    if not top_k and offered is _OF_TOKENS and not {*TOP}.isdisjoint(names):
        raise InvalidInput(f"outputs {' and '.join(TOP)} need parameters.top_k")


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
    if manifest.vocabulary:  # as many tokens as a request has
        leaves[1:] = [-1] * len(leaves[1:])
    widths = {
        "logits": [manifest.output_width],
        "embedding": [manifest.output_width],
        "token_logits": [-1, manifest.output_width],
        "top_ids": [-1, -1],
        "top_probabilities": [-1, -1],
        "probabilities": [manifest.output_width],
        "class": [],
        "leaf": leaves,
        "margin": leaves,
    }
    return {name: [-1, *widths[name]] for name in offered_outputs(manifest)}
