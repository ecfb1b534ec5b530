"""`fff-serve explain`: the path of each row of a file through the tree, without a service."""

from typing import Any

import typer

from service.cli.input_options import (
    MOST_SHOWN,
    MOST_VALUES,
    ArrayOption,
    DatatypeOption,
    FileArgument,
    InvertOption,
    and_more,
    read_input,
    shown_value,
)
from service.cli.options import JsonOption, NameArgument, StoreOption, open_store
from service.cli.store import VersionOption


def explain_command(
    name: NameArgument,
    file: FileArgument = None,
    store: StoreOption = None,
    version: VersionOption = None,
    datatype: DatatypeOption = None,
    array: ArrayOption = None,
    invert: InvertOption = False,
    as_json: JsonOption = False,
) -> None:
    """
    Show the path of each row of a file through an FFF's tree, without a service.

    --json prints what POST /v1/models/NAME/explain answers.
    """
    opened = open_store(store)
    given = read_input(opened, name, version, file, datatype, array, invert)
    import orjson

    from service.cli.offline import explain

    explained = explain(opened, name, version, given.rows)
    if as_json:
        typer.echo(orjson.dumps(explained).decode())
        return
    rows = explained["rows"]
    for number, row in enumerate(rows[:MOST_SHOWN]):
        predicted = _predicted(row, explained["targets"])
        typer.echo("\n".join(_lines(number, predicted, row, explained["leaves"])))
    if more := and_more(len(rows)):
        typer.echo(more)


def _predicted(row: dict[str, Any], targets: list[dict[str, Any]] | None) -> str:
    """Class with its name, or values with their units."""
    if targets is None:
        name = "" if row["class_name"] is None else f" {row['class_name']}"
        return f"class {row['class']}{name}"
    pairs = zip(targets, row["logits"][:MOST_VALUES], strict=False)
    shown = [
        f"{of['name']} {shown_value(value)} {of['unit'] or ''}".rstrip() for of, value in pairs
    ]
    more = [f"{len(targets) - MOST_VALUES:,} more values"] if len(targets) > MOST_VALUES else []
    return ", ".join(shown + more)


def _lines(number: int, predicted: str, row: dict[str, Any], leaves: int) -> list[str]:
    """A row's path, a step deeper a line."""
    margin = "" if row["margin"] is None else f", margin {row['margin']:.4g}"
    lines = [f"row {number}: {predicted}, leaf {row['leaf']} of {leaves}{margin}"]
    for depth, step in enumerate(row["path"], start=1):
        distance = step["distance"]
        near = "no boundary" if distance is None else f"distance {distance:.4g}"
        side = "right" if step["right"] else "left"
        lines.append(
            f"{'  ' * depth}node {step['node']}: score {step['score']:.4g}, {near}, {side}"
        )
    return [*lines, f"{'  ' * (len(row['path']) + 1)}leaf {row['leaf']}"]
