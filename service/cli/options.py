"""Arguments and options as several commands share them, and how they find the store."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from model_store.store import Checkpoint, Store


PATH = "PATH"  # in the help


def path_or_none(text: str) -> Path | None:
    """A path; of an empty text none, rather than the working directory."""
    return Path(text) if text else None


def model_names(context: typer.Context) -> list[str]:
    """
    Complete a model's name, from the store that the line so far or the environment names.

    Whatever fails completes nothing: a shell has no place for a message between the keys.
    """
    try:
        return open_store(context.params.get("store")).models()
    except Exception:
        return []


StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store",
        parser=path_or_none,
        metavar=PATH,
        envvar="FFF_STORE",
        help="Model store. Default: ~/.local/share/fff-serve/models.",
    ),
]
NameArgument = Annotated[
    str,
    typer.Argument(metavar="NAME", help="Model name in the store.", autocompletion=model_names),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]
ThreadsOption = Annotated[
    int,
    typer.Option(
        min=1, metavar="NUMBER", help="Threads to time with, the same for every kind of network."
    ),
]


def open_store(path: Path | None) -> "Store":
    """
    The store at a path, or the user's own; to read from.

    Raises:
        StoreMissing: There is no folder at the path.
    """
    from model_store.default_store import default_store
    from model_store.store import Store

    return Store.at(path or default_store(lambda line: typer.echo(f"fff-serve: {line}", err=True)))


def open_writable_store(path: Path | None) -> "Store":
    """
    The store at a path, or the user's own; to write to.

    Raises:
        StoreMissing: There is no folder at the path.
        StoreNotWritable: No path was given, and the user's own cannot be made.
    """
    from model_store.default_store import writable_default_store
    from model_store.store import Store

    return Store.at(path or writable_default_store())


def stored(store: "Store", checkpoint: "Checkpoint") -> str:
    """Where a published version is, and whether it was there before."""
    folder = store.folder(checkpoint.name, checkpoint.version)
    if checkpoint.is_new:
        return f"stored in {folder}"
    return f"already stored as version {checkpoint.version}, in {folder}: nothing was added"
