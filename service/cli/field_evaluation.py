"""`fff-serve evaluate` of a model that predicts values."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import typer

from service.cli.progress import steps
from service.cli.table_evaluation import table_samples

if TYPE_CHECKING:
    from evaluation.regression import RegressionEvaluation
    from evaluation.samples import Samples
    from model_store.store import Checkpoint


def evaluate_on_field(
    checkpoint: "Checkpoint",
    data: Path,
    targets: list[str] | None,
    heldout: bool,
    threads: int,
    as_json: bool,
) -> None:
    """Measure and print; arguments are those of `evaluate`."""
    from evaluation.regression import evaluate_regression

    samples = samples_for(checkpoint, data, targets, heldout)
    with steps(f"evaluating {checkpoint.name}") as progress:
        result = evaluate_regression(checkpoint, samples, threads, progress)
    if as_json:
        typer.echo(orjson.dumps(asdict(result)).decode())
    else:
        _print(result)


def samples_for(
    checkpoint: "Checkpoint", data: Path, targets: list[str] | None, heldout: bool
) -> "Samples":
    """All of a field's or a table's samples, or those that the model's training held out."""
    from evaluation.fields import divide, load_field
    from evaluation.tables import is_table
    from model_store.manifest import TrainingOrigin

    if is_table(data):
        if targets:
            raise typer.BadParameter("--target is of a raster: a table's is in the manifest")
        return table_samples(checkpoint, data, heldout)
    origin = checkpoint.manifest.origin
    recipe = origin.recipe if isinstance(origin, TrainingOrigin) else {}
    if heldout and "test_share" not in recipe:
        raise typer.BadParameter(f"--heldout: {checkpoint.name} was not trained here on a field")
    known = [target.name for target in checkpoint.manifest.targets or []]
    names = tuple(targets or (known if data.suffix.lower() == ".npz" else ()))
    with steps(f"reading {data}"):
        samples = load_field(str(data), names, int(recipe.get("rows", ROWS)))
    if not heldout:
        return samples
    test = divide(samples, float(recipe["test_share"]))[1]
    held_out = origin.test_sha256 if isinstance(origin, TrainingOrigin) else None
    if held_out not in (None, test.sha256):
        raise typer.BadParameter(
            f"--heldout: {checkpoint.name} held out other rows than these for its test; it was "
            "trained on other data, or before the test part stopped depending on the seed"
        )
    return test


ROWS = 100_000
"""At which a function is sampled for a model that was not trained here."""


def _print(result: "RegressionEvaluation") -> None:
    from rich.console import Console
    from rich.table import Table

    from service.cli.comparison_table import counted

    table = Table(show_header=False, box=None)
    table.add_row("rows", f"{result.rows:,}")
    for target in result.targets:
        unit = f" {target.unit}" if target.unit else ""
        table.add_row(
            target.name,
            f"RMSE {target.rmse:.4g}{unit}, MAE {target.mae:.4g}{unit}, R² {target.r2:.4f}",
        )
    table.add_row("leaves used", f"{result.leaves_used}/{result.leaves}")
    table.add_row("rows/s", f"{result.rows_per_s:,.0f} with {counted(result.threads, 'thread')}")
    Console().print(table)
