"""`fff-serve remove`: takes a model, or a version of it, out of the store for good."""

import json
import sys
from typing import Annotated

import typer

from service.cli.options import JsonOption, NameArgument, StoreOption, open_writable_store

VersionOption = Annotated[int | None, typer.Option("--version", help="Default: all of them.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Also if it is the baseline of another model.")
]


def remove_command(
    name: NameArgument,
    version: VersionOption = None,
    yes: YesOption = False,
    force: ForceOption = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """
    Remove a model, or one version of it, from the store for good. It asks first.

    A service that serves it goes on doing so until it is told to unload it, or ends.
    """
    from model_store.dependants import require_no_dependants

    opened = open_writable_store(store)
    versions = opened.removable(name, version)
    if not force:
        require_no_dependants(opened, name, version)
    which = f"{name} ({_counted(versions)}) in {opened.root}"
    if not yes and not _confirmed(which):
        typer.echo("fff-serve: nothing was removed", err=True)
        raise typer.Exit(1)
    opened.remove(name, version)
    removed = {"name": name, "versions": versions, "store": str(opened.root)}
    typer.echo(json.dumps(removed) if as_json else f"removed {which}")


def _confirmed(which: str) -> bool:
    if not at_terminal():
        raise typer.BadParameter("there is no terminal to ask at; --yes removes without a question")
    return typer.confirm(f"Remove {which} for good?", err=True)


def at_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty()


def _counted(versions: list[int]) -> str:
    """`version 1`, `versions 1, 2`."""
    numbers = ", ".join(map(str, versions)) or "none that can be listed"
    return f"version{'' if len(versions) == 1 else 's'} {numbers}"
