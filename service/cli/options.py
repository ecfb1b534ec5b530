"""Arguments and options as several commands share them, and how they find the store."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from model_store.store import Store


PATH = "<path>"  # in the help
LOCATION = "<path or URL>"


def path_or_none(text: str) -> Path | None:
    """A path; of an empty text none, rather than the working directory."""
    return Path(text) if text else None


def location_or_none(text: str) -> str | None:
    """A folder or a URL; of an empty text none."""
    return text or None


ServedStoreOption = Annotated[
    str | None,
    typer.Option(
        "--store", parser=location_or_none, metavar=LOCATION, help="Model store: a folder or a URL."
    ),
]
StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        parser=location_or_none,
        metavar=LOCATION,
        envvar="FFF_STORE",
        help="Model store. Default: the bundled demo.",
    ),
]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Model name in the store.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]
ThreadsOption = Annotated[
    int, typer.Option(min=1, help="Threads to time with, the same for every kind of network.")
]


def open_store(location: str | None) -> "Store":
    """The store at a path or a URL, or the default one."""
    from model_store import opening

    return opening.open_store(location)


def open_writable_store(location: str | None) -> "Store":
    """
    The same, to publish into.

    Raises:
        StoreNotWritable: It is one that is only read, which is told before the work and not after.
    """
    from model_store.read_only import ReadOnlyStore

    store = open_store(location)
    if isinstance(store, ReadOnlyStore):
        store.refuse()
    return store
