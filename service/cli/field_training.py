"""`fff-serve train` of a recipe for fields: a raster, a function or a table, an FFF, its rivals."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from service.cli.progress import steps
from service.cli.samples_training import train_on_samples
from service.cli.table_training import table_parts
from service.cli.trained_models import baseline_names

if TYPE_CHECKING:
    from evaluation.samples import Samples
    from evaluation.tables import TableForm
    from training.field.recipe import FieldRecipe


def train_on_fields(
    recipe: "FieldRecipe",
    name: str,
    data: Path | None,
    targets: list[str] | None,
    table: "TableForm | None",
    store: str | None,
    seed: int,
    seeds: int,
    baseline: list[str] | None,
    as_json: bool,
) -> None:
    """Train, publish and print; `table` says what the columns of `data` are, if it is one."""
    from evaluation.fields import divide, load
    from training.field.models import train_field
    from training.field.rivals import RIVALS, rival

    known = [name for name in RIVALS if table is None or name != "raster"]
    baselines = baseline_names(baseline, recipe.family, known)
    for other in baselines:
        rival(other, recipe)  # a mistake need not wait for the data
    if table is not None and "raster" in baselines:
        raise typer.BadParameter("--baseline raster is for cells of a regular grid, not a table")

    def load_parts() -> "tuple[Samples, Samples]":
        if table is not None and data is not None:
            return table_parts(data, table)
        with steps(f"reading {data or recipe.data}"):
            source = None if data is None else str(data)
            samples = load(recipe.data, source, tuple(targets or ()), recipe.rows)
        return divide(samples, recipe.test_share)

    train_on_samples(
        name,
        store,
        seed,
        seeds,
        baselines,
        as_json,
        load_parts,
        lambda train, test, opened, model, number, progress: train_field(
            recipe, train, test, opened, model, number, progress, baselines
        ),
    )
