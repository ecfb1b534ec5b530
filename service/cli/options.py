"""Arguments and options as several commands share them, and how they find the store."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from model_store.store import Checkpoint, Store


PATH = "PATH"  # in the help
LOCATION = "PATH|URL"


def model_names(context: typer.Context) -> list[str]:
    """
    Complete a model's name, from the folder that the line so far or the environment names.

    Whatever fails completes nothing: a shell has no place for a message between the keys. Neither
    does a remote store, which may take a minute to answer.
    """
    try:
        store = open_store(context.params.get("store"))
        return store.models() if store.is_local else []
    except Exception:
        return []


def location_or_none(text: str) -> str | None:
    """A folder or a URL; of an empty text none."""
    return text or None


StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        parser=location_or_none,
        metavar=LOCATION,
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


def open_store(location: str | None) -> "Store":
    """The store at a path or a URL, or the user's own; to read from."""
    from model_store import opening

    return opening.open_store(location, lambda line: typer.echo(f"fff-serve: {line}", err=True))


def open_writable_store(location: str | None) -> "Store":
    """The same to write to, told before any work what cannot be written to."""
    from model_store import opening

    return opening.open_writable_store(location)


def stored(store: "Store", checkpoint: "Checkpoint") -> str:
    """Where a published version is, and whether it was there before."""
    folder = store.folder(checkpoint.name, checkpoint.version)
    if checkpoint.is_new:
        return f"stored in {folder}"
    return f"already stored as version {checkpoint.version}, in {folder}: nothing was added"
