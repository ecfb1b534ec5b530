"""`fff-serve train table`: a CSV or Parquet file, an FFF, and its rivals."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from service.cli.progress import steps
from service.cli.samples_training import train_on_samples
from service.cli.trained_models import baseline_names

if TYPE_CHECKING:
    from evaluation.samples import Samples
    from evaluation.tables import TableForm
    from training.table.recipe import TableRecipe


def table_form(
    data: Path | None,
    targets: list[str] | None,
    categories: list[str] | None,
    left_out: list[str] | None,
    *,
    needed: bool,
) -> "TableForm | None":
    """
    What the options say of a table's columns; None where the data are no table.

    Raises:
        BadParameter: If a table needs to be given, or its one target, or the options are none of
            what is given.
    """
    from evaluation.tables import FORMS, TableForm, is_table

    if needed and data is None:
        raise typer.BadParameter(f"--data: {FORMS} must be given")
    if data is None or not (needed or is_table(data)):
        if categories or left_out:
            raise typer.BadParameter("--category and --leave-out name columns of a table")
        return None
    if targets is None or len(targets) != 1:
        raise typer.BadParameter(
            f"--target must name the column of a table that is predicted, once; got "
            f"{', '.join(targets or ['none'])}"
        )
    return TableForm(targets[0], tuple(categories or ()), tuple(left_out or ()))


def table_parts(data: Path, form: "TableForm") -> "tuple[Samples, Samples]":
    """Read the training and the test part."""
    from evaluation.tables import load_tables

    with steps(f"reading {data}"):
        return load_tables(data, form)


def train_on_table(
    recipe: "TableRecipe",
    name: str,
    data: Path,
    form: "TableForm",
    store: str | None,
    seed: int,
    seeds: int,
    baseline: list[str] | None,
    as_json: bool,
) -> None:
    """Train, publish and print; arguments are those of `train`."""
    from training.table.models import train_table
    from training.table.rivals import RIVALS, check_rivals

    baselines = baseline_names(baseline, recipe.family, RIVALS)
    check_rivals(baselines)  # a mistake need not wait for the data
    train_on_samples(
        name,
        store,
        seed,
        seeds,
        baselines,
        as_json,
        lambda: table_parts(data, form),
        lambda train, test, opened, model, number, progress: train_table(
            recipe, train, test, opened, model, number, progress, baselines
        ),
    )
