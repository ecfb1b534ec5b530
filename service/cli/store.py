"""`fff-serve list, show, verify`: what is in the store."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from service.cli.options import NameArgument, StoreOption, open_store

VersionOption = Annotated[int | None, typer.Option("--version", help="Default: the newest.")]


def list_command(store: StoreOption = None) -> None:
    """List the store's models, newest version each."""
    opened = open_store(store)
    table = Table("model", "versions", "kind", "shape", "bytes", "baseline", box=None)
    for name in opened.models():
        checkpoint = opened.load(name)
        manifest = checkpoint.manifest
        table.add_row(
            name,
            ", ".join(map(str, opened.versions(name))),
            manifest.kind,
            f"{manifest.input_width} -> {manifest.output_width}",
            f"{checkpoint.weight_bytes:,}",
            manifest.baseline or "",
        )
    Console().print(table)


def show_command(
    name: NameArgument, store: StoreOption = None, version: VersionOption = None
) -> None:
    """Print a model's manifest."""
    typer.echo(open_store(store).load(name, version).manifest.model_dump_json(indent=2))


def verify_command(
    name: Annotated[str | None, typer.Argument(help="Default: every model.")] = None,
    store: StoreOption = None,
) -> None:
    """Check every version: manifest, hash, shapes, finite weights. Exits 1 at the first fault."""
    opened = open_store(store)
    for model in [name] if name else opened.models():
        for version in opened.versions(model):
            checkpoint = opened.load(model, version)
            typer.echo(f"{model} version {version}: ok, SHA-256 {checkpoint.manifest.sha256}")
