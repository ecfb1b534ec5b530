"""Arguments and options of the commands that compute rows from a file, and how they get them."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from service.cli.options import PATH

if TYPE_CHECKING:
    from model_store.store import Store
    from service.cli.input_file import Input

FileArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[FILE|-]",
        help="Rows: .npy, .npz, JSON (a row, rows or a request body), an image, IDX; by name, "
        "where the model names its inputs: JSON objects, CSV, Parquet; - or nothing for standard "
        "input.",
    ),
]
DatatypeOption = Annotated[
    Literal["FP32", "UINT8"] | None,
    typer.Option(
        help="What the numbers are: FP32, as the network takes them, or UINT8, pixels. By default "
        "uint8 arrays, images and IDX are pixels.",
    ),
]
ArrayOption = Annotated[
    str | None,
    typer.Option(
        metavar="ARRAY", help="Which one of an .npz. Default: the only one, or x or inputs."
    ),
]
InvertOption = Annotated[
    bool, typer.Option("--invert", help="Invert an image: dark strokes on light paper.")
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", metavar=PATH, help="Write an .npz of the outputs.")
]

MOST_SHOWN = 20
"""Rows that are printed for people: a screen of them. --json prints all."""
MOST_VALUES = 8
"""Values of each row, of a regression, that fit a line; likewise."""


def read_input(
    store: "Store",
    name: str,
    version: int | None,
    file: str | None,
    datatype: str | None,
    array: str | None,
    invert: bool,
) -> "Input":
    """
    Read the rows that a command is given, for a model of a store.

    Raises:
        BadParameter: There is neither a file nor anything that is piped.
        StoreError: No such model.
        DatasetError: Naming the file, and what is wrong with it.
    """
    from evaluation.errors import DatasetError
    from service.cli.input_bytes import read_bytes
    from service.cli.input_file import InputReader

    if file is None and sys.stdin.isatty():
        raise typer.BadParameter("a FILE of rows, or rows on standard input, were expected")
    reader = InputReader(store.manifest(name, version), datatype, array, invert)
    path = None if file in (None, "-") else Path(str(file))
    source = str(path or "standard input")
    try:
        given = reader.read(read_bytes(path))
    except DatasetError as exc:
        raise DatasetError(f"{source}: {exc}") from exc
    if given.note:
        typer.echo(f"{source}: {given.note}", err=True)
    return given


def shown_value(value: float) -> str:
    """A regression's value as people read it: float32 has little more than six digits."""
    return f"{value:.6g}"


def and_more(rows: int) -> str:
    """What stands below the rows that are shown; empty where these are all."""
    more = rows - MOST_SHOWN
    return f"… and {more:,} more rows; --json prints all" if more > 0 else ""
