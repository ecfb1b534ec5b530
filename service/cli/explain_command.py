"""`fff-serve explain`: the path of each row of a file through the tree, without a service."""

from typing import TYPE_CHECKING, Annotated, Any

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

if TYPE_CHECKING:
    from model_store.manifest import Manifest

LayerOption = Annotated[
    str | None,
    typer.Option(help="Of a network the layer to explain, its name or number. Default: all."),
]
TokensOption = Annotated[
    str | None,
    typer.Option(
        metavar="NUMBERS",
        help="Of a network the tokens whose paths to show, from 0, with commas between. Default: "
        "all, of which only --json has the paths.",
    ),
]


def explain_command(
    name: NameArgument,
    file: FileArgument = None,
    store: StoreOption = None,
    version: VersionOption = None,
    layer: LayerOption = None,
    tokens: TokensOption = None,
    datatype: DatatypeOption = None,
    array: ArrayOption = None,
    invert: InvertOption = False,
    as_json: JsonOption = False,
) -> None:
    """
    Show the path of each row of a file through an FFF's tree, without a service.

    Of a network of blocks, through the tree of each of its layers that routes. --json prints what
    POST /v1/models/NAME/explain answers.
    """
    opened = open_store(store)
    asked: tuple[str | int | None, list[int] | None] = None, None
    if (layer, tokens) != (None, None):
        asked = _layer(layer, opened.manifest(name, version)), _numbers(tokens)
    given = read_input(opened, name, version, file, datatype, array, invert)
    import orjson

    from service.cli.offline import explain

    explained = explain(opened, name, version, given.rows, *asked)
    if as_json:
        typer.echo(orjson.dumps(explained).decode())
        return
    rows = explained["rows"]
    for number, row in enumerate(rows[:MOST_SHOWN]):
        predicted = _predicted(row, explained["targets"])
        typer.echo("\n".join(_lines(number, predicted, row, explained, tokens is not None)))
    if more := and_more(len(rows)):
        typer.echo(more)


def _layer(text: str | None, manifest: "Manifest") -> str | int | None:
    """A layer's name, or else its number."""
    if manifest.kind != "network":
        raise typer.BadParameter("--layer and --tokens are for networks of blocks, this is none")
    named = text in [layer.name for layer in manifest.layers]
    return int(text) if text is not None and text.isdecimal() and not named else text


def _numbers(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(number) for number in text.split(",")]
    except ValueError as exc:
        raise typer.BadParameter(f"--tokens must be numbers, as in 0,7,24; got {text!r}") from exc


def _predicted(row: dict[str, Any], targets: list[dict[str, Any]] | None) -> str:
    """Class with its name, or values with their units."""
    if targets is None and row["class"] is None:
        return "an answer for each token"
    if targets is None:
        name = "" if row["class_name"] is None else f" {row['class_name']}"
        return f"class {row['class']}{name}"
    pairs = zip(targets, row["logits"][:MOST_VALUES], strict=False)
    shown = [
        f"{of['name']} {shown_value(value)} {of['unit'] or ''}".rstrip() for of, value in pairs
    ]
    more = [f"{len(targets) - MOST_VALUES:,} more values"] if len(targets) > MOST_VALUES else []
    return ", ".join(shown + more)


def _lines(
    number: int, predicted: str, row: dict[str, Any], explained: dict[str, Any], all_paths: bool
) -> list[str]:
    """A row's path or, of a network, those of its tokens."""
    if "layers" not in row:
        of = f"row {number}: {predicted}, leaf {row['leaf']} of {explained['leaves']}{_margin(row)}"
        return [of, *_path(row, 1)]
    lines = [f"row {number}: {predicted}"]
    for layer, facts in zip(row["layers"], explained["layers"], strict=True):
        named = f"  layer {layer['layer']}, {layer['name']}"
        if all_paths or facts["tokens"] == 1:
            for token in layer["tokens"]:
                lines += [f"{named}: {_token(token, facts)}", *_path(token, 2)]
        elif layer["tokens"]:
            lines.append(f"{named}: {_tokens(layer['tokens'], facts)}")
    return lines


def _margin(row: dict[str, Any]) -> str:
    return "" if row["margin"] is None else f", margin {row['margin']:.4g}"


def _token(token: dict[str, Any], facts: dict[str, Any]) -> str:
    """Where one token went; and where it was served, if that was elsewhere."""
    which = "" if facts["tokens"] == 1 else f"token {token['token']}, "
    served = (
        f", served by leaf {token['served_leaf']}: turned by rounding" if token["differs"] else ""
    )
    return f"{which}leaf {token['leaf']} of {facts['leaves']}{_margin(token)}{served}"


def _tokens(tokens: list[dict[str, Any]], facts: dict[str, Any]) -> str:
    """All tokens of a layer in a line."""
    used = len({token["leaf"] for token in tokens})
    text = f"{len(tokens)} tokens in {used} of {facts['leaves']} leaves"
    bounded = [token for token in tokens if token["margin"] is not None]
    if bounded:
        nearest = min(bounded, key=lambda token: float(token["margin"]))
        text += f", smallest margin {nearest['margin']:.4g} at token {nearest['token']}"
    differing = sum(token["differs"] for token in tokens)
    return f"{text}, {differing} served by another leaf" if differing else text


def _path(row: dict[str, Any], indent: int) -> list[str]:
    """A step deeper a line."""
    lines = []
    for depth, step in enumerate(row["path"], start=indent):
        distance = step["distance"]
        near = "no boundary" if distance is None else f"distance {distance:.4g}"
        side = "right" if step["right"] else "left"
        lines.append(
            f"{'  ' * depth}node {step['node']}: score {step['score']:.4g}, {near}, {side}"
        )
    return [*lines, f"{'  ' * (len(row['path']) + indent)}leaf {row['leaf']}"]
