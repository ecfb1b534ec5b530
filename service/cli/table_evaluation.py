"""A table's rows for `fff-serve evaluate` and `compare` of a model that has learnt its columns."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from service.cli.progress import steps

if TYPE_CHECKING:
    from evaluation.samples import Samples
    from evaluation.table_samples import Meaning
    from model_store.store import Checkpoint


def table_samples(checkpoint: "Checkpoint", data: Path, heldout: bool) -> "Samples":
    """
    All rows of a table, or those that the model's own training held out for the test.

    Raises:
        BadParameter: If the model has no named columns, or was trained and tested on other rows.
    """
    from evaluation.tables import load_rows
    from model_store.manifest import TrainingOrigin

    origin, meaning = checkpoint.manifest.origin, _meaning(checkpoint, data)
    if heldout and not isinstance(origin, TrainingOrigin):
        raise typer.BadParameter(f"--heldout: {checkpoint.name} was not trained here")
    with steps(f"reading {data}"):
        samples = load_rows(data, meaning, heldout)
    if heldout and isinstance(origin, TrainingOrigin) and samples.sha256 != origin.test_sha256:
        raise typer.BadParameter(
            f"--heldout: what {data} holds out is not what {checkpoint.name} was tested on: it was "
            "trained on other rows, and may know these; leave --heldout out to measure it on all"
        )
    return samples


def _meaning(checkpoint: "Checkpoint", data: Path) -> "Meaning":
    from evaluation.table_samples import Meaning

    manifest, name = checkpoint.manifest, checkpoint.name
    if manifest.inputs is None:
        raise typer.BadParameter(
            f"{data} is a table, which is for models whose inputs have names; {name}'s have none"
        )
    inputs = tuple(manifest.inputs)
    if manifest.targets is not None:
        if len(manifest.targets) > 1:
            raise typer.BadParameter(
                f"{data}: a table has one target, {name} predicts {len(manifest.targets)}"
            )
        return Meaning(inputs, manifest.targets[0].name, manifest.targets[0])
    if manifest.class_column is None or manifest.classes is None:
        raise typer.BadParameter(
            f"{data}: the manifest of {name} must say in which column classes are, as "
            "class_column, and name them; it does not"
        )
    return Meaning(inputs, manifest.class_column, tuple(manifest.classes))
