"""`fff-serve import`: a checkpoint that somebody published becomes a version in the store."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from service.cli.options import StoreOption, open_writable_store

if TYPE_CHECKING:
    from fff.weights import FFFWeights
    from model_store.manifest import Uint8Scaling

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The published checkpoint.")]
NameOption = Annotated[str, typer.Option(help="Model name in the store.")]
FormatOption = Annotated[
    Literal["auto", "fastfeedforward", "efff", "ultrafastbert"],
    typer.Option("--format", help="Its layout; auto tells by its tensors' names."),
]
ActivationOption = Annotated[
    str, typer.Option(help="Of the leaves; no published layout stores it.")
]
ScaleOption = Annotated[
    float | None, typer.Option(help="Raw pixels become pixel * S + T: S.", metavar="S")
]
ShiftOption = Annotated[float | None, typer.Option(help="And T.", metavar="T")]
BaselineOption = Annotated[str | None, typer.Option(help="The dense model it is compared with.")]
ReferenceOption = Annotated[
    Path | None,
    typer.Option(
        help="IDX file of images it was trained for: routing drift is measured against the "
        "leaves they take.",
        metavar="IDX",
    ),
]
OutputBiasOption = Annotated[
    bool,
    typer.Option(help="Add the leaves' output bias; fastfeedforward 0.2.1 evaluated without it."),
]


def import_command(
    file: FileArgument,
    name: NameOption,
    store: StoreOption = None,
    file_format: FormatOption = "auto",
    activation: ActivationOption = "relu",
    uint8_scale: ScaleOption = None,
    uint8_shift: ShiftOption = None,
    baseline: BaselineOption = None,
    reference_images: ReferenceOption = None,
    leaf_output_bias: OutputBiasOption = True,
) -> None:
    """
    Import a checkpoint that somebody published, without executing anything in it.

    Raw MNIST pixels for a network trained on [-1, 1]: --uint8-scale 0.00784313725490196
    --uint8-shift -1.
    """
    from model_store.importers import import_checkpoint
    from model_store.manifest import ImportOrigin

    scaling = _scaling(uint8_scale, uint8_shift)
    if reference_images is not None and scaling is None:
        raise typer.BadParameter("--reference-images needs --uint8-scale and --uint8-shift")
    target = open_writable_store(store)
    imported = import_checkpoint(file, file_format, activation, leaf_output_bias)
    checkpoint = target.publish(
        name,
        imported.weights,
        origin=ImportOrigin(format=imported.format, sha256=imported.sha256),
        uint8=scaling,
        baseline=baseline,
        reference_leaf_rows=_leaf_rows(imported.weights, scaling, reference_images),
    )
    weights = imported.weights
    typer.echo(
        f"{checkpoint.name} version {checkpoint.version}: {imported.format} layout, "
        f"{weights.input_width} -> {weights.output_width}, depth {weights.depth}, "
        f"leaf width {weights.leaf_width}, master width {weights.master_width}"
    )


def _scaling(scale: float | None, shift: float | None) -> "Uint8Scaling | None":
    from model_store.manifest import Uint8Scaling

    if (scale is None) != (shift is None):
        raise typer.BadParameter("--uint8-scale and --uint8-shift come together")
    return None if scale is None or shift is None else Uint8Scaling(scale=scale, shift=shift)


def _leaf_rows(
    weights: "FFFWeights", scaling: "Uint8Scaling | None", images: Path | None
) -> list[list[int]] | None:
    if images is None or scaling is None:
        return None
    from evaluation.datasets import load_idx_images
    from evaluation.evaluate import reference_leaf_rows

    return reference_leaf_rows(weights, scaling, load_idx_images(images))
