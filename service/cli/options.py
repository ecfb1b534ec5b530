"""Arguments and options as several commands share them, and how they find the store."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from model_store.store import Store


PATH = "PATH"  # in the help


def path_or_none(text: str) -> Path | None:
    """A path; of an empty text none, rather than the working directory."""
    return Path(text) if text else None


def open_store(path: Path | None) -> "Store":
    """The store at a path, or the demo that comes with the package."""
    from model_store.store import DEMO_STORE, Store

    return Store(path or DEMO_STORE)


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
        help="Model store. Default: the bundled demo.",
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
