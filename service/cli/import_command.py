"""`fff-serve import`: a checkpoint that somebody published becomes a version in the store."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
import typer

from fff.names import ACTIVATION_NAMES
from service.cli.options import (
    JsonOption,
    StoreOption,
    model_names,
    open_writable_store,
    stored,
)
from service.cli.progress import working

if TYPE_CHECKING:
    from fff.weights import FFFWeights
    from model_store.importers import Imported
    from model_store.manifest import Uint8Scaling
    from model_store.store import Checkpoint, Store

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The published checkpoint.")]
NameOption = Annotated[str, typer.Option(metavar="NAME", help="Model name in the store.")]
FormatOption = Annotated[
    Literal["auto", "fastfeedforward", "efff", "ultrafastbert"],
    typer.Option(
        "--format",
        metavar="auto|fastfeedforward|efff|ultrafastbert",
        help="Its layout; auto tells by its tensors' names.",
    ),
]
ActivationOption = Annotated[
    str,
    typer.Option(
        metavar="ACTIVATION",
        help=f"Of the leaves; no published layout stores it. One of {', '.join(ACTIVATION_NAMES)}.",
        autocompletion=lambda: [*ACTIVATION_NAMES],
    ),
]
ScaleOption = Annotated[
    float | None,
    typer.Option(metavar="S", help="Raw pixels become pixel * S + T for the network: S."),
]
ShiftOption = Annotated[float | None, typer.Option(help="And T.", metavar="T")]
BaselineOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The model of the store, no FFF, that it is compared with.",
        autocompletion=model_names,
    ),
]
ReferenceOption = Annotated[
    Path | None,
    typer.Option(
        help="Images (IDX, .npy, .npz) it was trained for: routing drift is measured against the "
        "leaves they take.",
        metavar="FILE",
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
    as_json: JsonOption = False,
) -> None:
    """
    Import a checkpoint that somebody published, without executing anything in it.

    Raw MNIST pixels for a network trained on [-1, 1]: --uint8-scale 0.00784313725490196
    --uint8-shift -1.
    """
    scaling = _scaling(uint8_scale, uint8_shift)
    if activation not in ACTIVATION_NAMES:
        raise typer.BadParameter(
            f"--activation must be one of {', '.join(ACTIVATION_NAMES)}; got {activation!r}"
        )
    if reference_images is not None and scaling is None:
        raise typer.BadParameter("--reference-images needs --uint8-scale and --uint8-shift")
    from model_store.importers import import_checkpoint
    from model_store.manifest import ImportOrigin

    opened = open_writable_store(store)
    with working(f"importing {file.name}"):
        imported = import_checkpoint(file, file_format, activation, leaf_output_bias)
        checkpoint = opened.publish(
            name,
            imported.weights,
            origin=ImportOrigin(format=imported.format, sha256=imported.sha256),
            uint8=scaling,
            baseline=baseline,
            reference_leaf_rows=_leaf_rows(imported.weights, scaling, reference_images),
        )
    if as_json:
        typer.echo(orjson.dumps(_entry(opened, checkpoint, imported)).decode())
        return
    weights = imported.weights
    typer.echo(
        f"{checkpoint.name} version {checkpoint.version}: {imported.format} layout, "
        f"{weights.input_width} -> {weights.output_width}, depth {weights.depth}, "
        f"leaf width {weights.leaf_width}, master width {weights.master_width}"
    )
    typer.echo(stored(opened, checkpoint))


def _entry(store: "Store", checkpoint: "Checkpoint", imported: "Imported") -> dict[str, Any]:
    weights = imported.weights
    return {
        "name": checkpoint.name,
        "version": checkpoint.version,
        "kind": checkpoint.kind,
        "sha256": checkpoint.manifest.sha256,
        "format": imported.format,
        "input_width": weights.input_width,
        "output_width": weights.output_width,
        "depth": weights.depth,
        "leaf_width": weights.leaf_width,
        "master_width": weights.master_width,
        "baseline": checkpoint.manifest.baseline,
        "folder": str(store.folder(checkpoint.name, checkpoint.version)),
        "new": checkpoint.is_new,
    }


def _scaling(scale: float | None, shift: float | None) -> "Uint8Scaling | None":
    from model_store.manifest import Uint8Scaling

    if (scale is None) != (shift is None):
        raise typer.BadParameter("--uint8-scale and --uint8-shift come together")
    if scale is None or shift is None:
        return None
    if not (math.isfinite(scale) and math.isfinite(shift) and scale):
        raise typer.BadParameter(
            "--uint8-scale and --uint8-shift must be finite, and the scale not 0: every image "
            f"would be the same; got {scale:g} and {shift:g}"
        )
    return Uint8Scaling(scale=scale, shift=shift)


def _leaf_rows(
    weights: "FFFWeights", scaling: "Uint8Scaling | None", images: Path | None
) -> list[list[int]] | None:
    if images is None or scaling is None:
        return None
    from evaluation.datasets import load_images
    from evaluation.evaluate import reference_leaf_rows

    return reference_leaf_rows(weights, scaling, load_images(images))
