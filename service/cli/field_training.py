"""`fff-serve train` of a recipe for fields: a raster or a function, an FFF, and its rivals."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import typer

from service.cli.options import open_writable_store, stored
from service.cli.progress import bars, steps
from service.cli.trained_models import entry_of, print_spread

if TYPE_CHECKING:
    from model_store.store import Checkpoint
    from training.field.models import Progress
    from training.field.recipe import FieldRecipe


def train_on_fields(
    recipe: "FieldRecipe",
    name: str,
    data: Path | None,
    targets: list[str] | None,
    store: str | None,
    seed: int,
    seeds: int,
    baseline: list[str] | None,
    as_json: bool,
) -> None:
    """Train, publish and print; arguments are those of `train`."""
    from evaluation.fields import divide, load
    from training.field.models import train_field
    from training.field.rivals import rival
    from training.models import check_names, names_of

    baselines = _baselines(baseline, recipe.family)
    models = [name] if seeds == 1 else [f"{name}-{seed + number}" for number in range(seeds)]
    for other in baselines:
        rival(other, recipe)  # a mistake need not wait for the data
    check_names(each for model in models for each in names_of(model, baselines))
    opened = open_writable_store(store)
    trained: list[Checkpoint] = []
    with steps(f"reading {data or recipe.data}"):
        source = None if data is None else str(data)
        samples = load(recipe.data, source, tuple(targets or ()), recipe.rows)
    train, test = divide(samples, recipe.test_share)
    for number, model in enumerate(models, seed):
        with _bars(names_of(model, baselines)) as progress:
            trained += train_field(recipe, train, test, opened, model, number, progress, baselines)
    entries = [entry_of(opened, each) for each in trained]
    if as_json:
        typer.echo(orjson.dumps({"models": entries}).decode())
        return
    for checkpoint, entry in zip(trained, entries, strict=True):
        metrics = entry["metrics"]
        typer.echo(
            f"{entry['name']} version {entry['version']}: "
            f"test RMSE {metrics['test_rmse']:.4g}, R² {metrics['test_r2']:.4f}"
        )
        typer.echo(stored(opened, checkpoint))
    if seeds > 1:
        print_spread(entries, seeds, "test_rmse", "test RMSE", percent=False)


def _baselines(wanted: list[str] | None, family: str) -> list[str]:
    """Names, in order; the dense twin of an FFF unless others are wanted."""
    from training.field.rivals import RIVALS

    if wanted is None:
        return ["dense"] if family == "fff" else []
    if wanted == ["none"]:
        return []
    return [*RIVALS] if wanted == ["all"] else list(dict.fromkeys(wanted))


@contextmanager
def _bars(models: list[str]) -> "Iterator[Progress]":
    """One bar a model; what is yielded moves them on."""
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    with bars(*columns) as progress:
        tasks = {model: progress.add_task(model, total=None) for model in models}
        yield lambda model, done, total: progress.update(tasks[model], completed=done, total=total)
