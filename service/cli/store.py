"""`fff-serve import, list, show, verify`: what is in the store, and how it gets there."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from service.cli.options import NameArgument, StoreOption, open_store

VersionOption = Annotated[int | None, typer.Option("--version", help="Default: the newest.")]


def import_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The published checkpoint.")],
    name: Annotated[str, typer.Option(help="Model name in the store.")],
    store: StoreOption = None,
    file_format: Annotated[
        Literal["auto", "fastfeedforward", "efff", "ultrafastbert"],
        typer.Option("--format", help="Its layout; auto tells by its tensors' names."),
    ] = "auto",
    activation: Annotated[
        str, typer.Option(help="Of the leaves; no published layout stores it.")
    ] = "relu",
    uint8_scale: Annotated[
        float | None, typer.Option(help="Raw pixels become pixel * S + T: S.", metavar="S")
    ] = None,
    uint8_shift: Annotated[float | None, typer.Option(help="And T.", metavar="T")] = None,
    baseline: Annotated[
        str | None, typer.Option(help="The dense model it is compared with.")
    ] = None,
    reference_images: Annotated[
        Path | None,
        typer.Option(
            help="IDX file of images it was trained for: routing drift is measured against the "
            "leaves they take.",
            metavar="IDX",
        ),
    ] = None,
    leaf_output_bias: Annotated[
        bool,
        typer.Option(
            help="Add the leaves' output bias; fastfeedforward 0.2.1 evaluated without it."
        ),
    ] = True,
) -> None:
    """
    Import a checkpoint that somebody published, without executing anything in it.

    Raw MNIST pixels for a network trained on [-1, 1]: --uint8-scale 0.00784313725490196
    --uint8-shift -1.
    """
    from model_store.importers import import_checkpoint
    from model_store.manifest import ImportOrigin, Uint8Scaling

    if (uint8_scale is None) != (uint8_shift is None):
        raise typer.BadParameter("--uint8-scale and --uint8-shift come together")
    scaling = None
    if uint8_scale is not None and uint8_shift is not None:
        scaling = Uint8Scaling(scale=uint8_scale, shift=uint8_shift)
    if reference_images is not None and scaling is None:
        raise typer.BadParameter("--reference-images needs --uint8-scale and --uint8-shift")
    imported = import_checkpoint(file, file_format, activation, leaf_output_bias)
    reference = None
    if reference_images is not None and scaling is not None:
        from evaluation.datasets import load_idx_images
        from evaluation.evaluate import reference_leaf_rows

        images = load_idx_images(reference_images)
        reference = reference_leaf_rows(imported.weights, scaling, images)
    checkpoint = open_store(store).publish(
        name,
        imported.weights,
        origin=ImportOrigin(format=imported.format, sha256=imported.sha256),
        uint8=scaling,
        baseline=baseline,
        reference_leaf_rows=reference,
    )
    weights = imported.weights
    typer.echo(
        f"{checkpoint.name} version {checkpoint.version}: {imported.format} layout, "
        f"{weights.input_width} -> {weights.output_width}, depth {weights.depth}, "
        f"leaf width {weights.leaf_width}, master width {weights.master_width}"
    )


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
