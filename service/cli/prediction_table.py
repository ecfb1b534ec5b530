"""
Answers as a person reads them: the first rows, each with its class or values, and its leaf.

Of a network with tokens there are too many leaves for a line: how many each layer used, unless they
are asked for by name.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from model_store.manifest import Manifest
from service.cli.input_options import MOST_SHOWN, MOST_VALUES, and_more, shown_value
from service.job import Answer
from service.protocol.outputs import OUTPUTS

Columns = list[tuple[str, list[str]]]
"""Titles and cells."""


def prediction_table(answer: Answer, names: Sequence[str] | None, manifest: Manifest) -> str:
    """
    Show the first rows of an answer.

    Args:
        answer: At least one row.
        names: Outputs that the model offers; by default its class and probability or, of a
            regression, its values with their units, and leaf and margin.
        manifest: Names classes and targets.
    """
    part = slice(MOST_SHOWN)
    head = answer._replace(
        logits=answer.logits[part], leaf=answer.leaf[part], margin=answer.margin[part]
    )
    columns = _by_default(head, manifest) if names is None else _named(head, names, manifest)
    numbered = ("row", [str(row) for row in range(len(head.logits))])
    # Empty are those of a dense network's leaves and margins.
    cells = [[title, *values] for title, values in (numbered, *columns) if any(values)]
    widths = [max(map(len, column)) for column in cells]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in zip(*cells, strict=True)
    ]
    return "\n".join([*lines, *_left_out(answer, names, manifest)])


def _by_default(head: Answer, manifest: Manifest) -> Columns:
    if manifest.targets is None:
        likeliest = OUTPUTS["probabilities"].of(head).max(axis=1)
        columns = [*_named(head, ["class"], manifest), ("probability", _cells(likeliest))]
    else:
        values = head.logits[:, :MOST_VALUES].T.tolist()
        columns = [
            (title, [shown_value(value) for value in column])
            for title, column in zip(manifest.output_names[:MOST_VALUES], values, strict=True)
        ]
    if head.leaf.ndim == 3:
        return [*columns, *_of_tokens(head)]
    return [*columns, *_named(head, ["leaf", "margin"], manifest)]


def _of_tokens(head: Answer) -> Columns:
    """Of each layer how many leaves the tokens of a row took, and the smallest of their margins."""
    used = [
        [str(len(np.unique(layer[layer >= 0]))) for layer in row]  # -1 of no token
        for row in head.leaf
    ]
    smallest = _cells(head.margin.min(axis=2))
    return [("leaves used", [" ".join(counts) for counts in used]), ("smallest margin", smallest)]


def _named(head: Answer, names: Sequence[str], manifest: Manifest) -> Columns:
    columns = [(name, _cells(OUTPUTS[name].of(head))) for name in names]
    if manifest.classes is None:
        return columns
    classes = manifest.classes
    return [
        (name, [f"{cell} {classes[int(cell)]}" for cell in cells] if name == "class" else cells)
        for name, cells in columns
    ]


def _left_out(answer: Answer, names: Sequence[str] | None, manifest: Manifest) -> list[str]:
    targets = 0 if names is not None else len(manifest.targets or [])
    more = targets - MOST_VALUES
    values = f"… and {more:,} more values a row; --json prints all" if more > 0 else ""
    return [line for line in (values, and_more(len(answer.logits))) if line]


def _cells(values: Iterable[Any]) -> list[str]:
    return [_cell(value) for value in values]


def _cell(value: Any) -> str:
    """A number, or all of a row's; of tokens those of each layer."""
    if getattr(value, "ndim", 0):
        return ("; " if value.ndim == 2 else " ").join(_cells(value))
    return f"{value:.4g}" if value.dtype.kind == "f" else str(value)
