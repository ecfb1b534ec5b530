"""`fff-serve train`: from data to a checkpoint and its dense twin."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from service.cli.data_options import DataOption, GreyOption, ImageSizeOption, image_form
from service.cli.help_text import HelpfulCommand, Rows
from service.cli.options import JsonOption, StoreOption, open_writable_store, stored
from service.cli.progress import bars, steps
from service.cli.recipe_options import ChangeOption, fields_to_change

if TYPE_CHECKING:
    from model_store.store import Checkpoint, Store
    from training.epoch import Epoch
    from training.interruption import Interruption


def recipe_names() -> list[str]:
    from training.recipes import RECIPES

    return [*RECIPES]


RecipeArgument = Annotated[
    str,
    typer.Argument(metavar="RECIPE", help="One of those below.", autocompletion=recipe_names),
]
TrainedNameOption = Annotated[
    str, typer.Option(metavar="NAME", help="Model name in the store; the twin is NAME-dense.")
]
SeedOption = Annotated[
    int,
    typer.Option(
        min=0,
        max=2**32 - 1,  # 32 bits, which every generator takes; PyTorch's take 64
        metavar="NUMBER",
        help="Of all that is drawn: split, teacher, initialisation, order, views, dropout.",
    ),
]
SeedsOption = Annotated[
    int,
    typer.Option(
        min=1,
        max=1000,
        metavar="NUMBER",
        help="Train so many, from --seed on: NAME-0, NAME-1, …; prints mean and deviation.",
    ),
]
BaselineOption = Annotated[
    list[str] | None,
    typer.Option(
        "--baseline",
        metavar="BASELINE",
        help="Train beside it, instead of the twin: one of those below, all or none; repeatable.",
    ),
]
PictureOption = Annotated[
    Path | None,
    typer.Option(metavar="SVG", help="Draw the learning curves, for a browser or a page."),
]


class TrainCommand(HelpfulCommand):
    """`train`, with the recipes, their fields and the baselines in its help."""

    def sections(self, context: Any) -> dict[str, Rows]:
        """Add the recipes, what --set changes of them, and whom they can be compared with."""
        from service.cli.recipe_help import baseline_rows, field_rows, recipe_rows

        more = {
            "Recipes": recipe_rows(),
            "Baselines": baseline_rows(),
            "Fields of a recipe, for --set": field_rows(),
        }
        return super().sections(context) | more


def train_command(
    recipe: RecipeArgument,
    name: TrainedNameOption,
    data: DataOption = None,
    image_size: ImageSizeOption = None,
    grey: GreyOption = False,
    store: StoreOption = None,
    seed: SeedOption = 0,
    seeds: SeedsOption = 1,
    baseline: BaselineOption = None,
    change: ChangeOption = None,
    picture: PictureOption = None,
    as_json: JsonOption = False,
) -> None:
    """
    Train an FFF and its dense twin on the same data and budget, and publish both.

    The twin has the FFF's training width and gets the same rows, teacher, epochs and optimiser. A
    command that was interrupted goes on where it was when it is given again.
    """
    from training.recipes import recipe_by_name

    changed = recipe_by_name(recipe).override(fields_to_change(change))
    from evaluation.datasets import load  # PyTorch, which a mistake in the line need not wait for
    from training.models import check_names, names_of, train_models

    baselines = _baselines(baseline, changed.family)
    models = [name] if seeds == 1 else [f"{name}-{seed + number}" for number in range(seeds)]
    check_names(each for model in models for each in names_of(model, baselines))
    opened = open_writable_store(store)
    with steps(f"reading {data or changed.data}") as reading:
        train, test = load(changed.data, data, image_form(image_size, grey), reading)
    if picture is not None:
        from evaluation.report.svg import require_matplotlib

        require_matplotlib()
        if not picture.parent.is_dir():
            raise typer.BadParameter(f"--picture: there is no folder {picture.parent}")
    trained: list[Checkpoint] = []
    runs: list[Interruption] = []
    for number, model in enumerate(models, seed):
        with _bars(model, baselines, changed.all_epochs) as (progress, advance):
            trained += train_models(
                changed, train, test, opened, model, number, progress, baselines, advance, runs
            )
    for run in runs:  # not before all seeds are published: what is finished need not be repeated
        run.forget()
    if picture is not None:
        _draw(trained, picture)
    entries = [_entry(opened, each) for each in trained]
    if as_json:
        typer.echo(orjson.dumps({"models": entries}).decode())
        return
    for checkpoint, entry in zip(trained, entries, strict=True):
        accuracy = entry["metrics"]["test_hard_accuracy"]
        typer.echo(f"{entry['name']} version {entry['version']}: test accuracy {accuracy:.2%}")
        typer.echo(stored(opened, checkpoint))
    if seeds > 1:
        _print_spread(entries, seeds)


def _draw(trained: "list[Checkpoint]", picture: Path) -> None:
    from evaluation.report.learning_curve import learning_curves

    picture.write_text(learning_curves(trained), encoding="utf-8")


def _baselines(wanted: list[str] | None, family: str) -> list[str]:
    """Names, in order; the twin of an FFF unless others are wanted."""
    from training.contenders import CONTENDERS

    if wanted is None:
        return ["dense"] if family == "fff" else []
    if wanted == ["none"]:
        return []
    return [*CONTENDERS] if wanted == ["all"] else list(dict.fromkeys(wanted))


def _print_spread(entries: list[dict[str, Any]], seeds: int) -> None:
    """Mean and sample standard deviation over the seeds, a line for the FFF and each baseline."""
    from statistics import mean, stdev

    of_each = len(entries) // seeds
    for first in range(of_each):
        each = entries[first::of_each]
        accuracies = [100 * entry["metrics"]["test_hard_accuracy"] for entry in each]
        typer.echo(
            f"{each[0]['name']} to {each[-1]['name']}: test accuracy "
            f"{mean(accuracies):.2f} % ± {stdev(accuracies):.2f}, {seeds} seeds"
        )


def _entry(store: "Store", checkpoint: "Checkpoint") -> dict[str, Any]:
    manifest = checkpoint.manifest
    return {
        "name": checkpoint.name,
        "version": checkpoint.version,
        "kind": manifest.kind,
        "sha256": manifest.sha256,
        "baseline": manifest.baseline,
        "folder": str(store.folder(checkpoint.name, checkpoint.version)),
        "new": checkpoint.is_new,
        "metrics": manifest.origin.metrics,  # type: ignore[union-attr]  # just trained
    }


@contextmanager
def _bars(
    name: str, baselines: list[str], epochs: int
) -> "Iterator[tuple[Callable[[Epoch], None], Callable[[int, int], None]]]":
    """One bar a model, and one for a teacher once it is trained; what is yielded moves them on."""
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

    from training.models import names_of

    columns = TextColumn("{task.description}"), TextColumn("{task.fields[state]}")
    with bars(columns[0], BarColumn(), columns[1], TimeRemainingColumn()) as progress:
        teacher = progress.add_task("teacher", total=None, state="", visible=False)
        tasks = {
            model: progress.add_task(model, total=epochs, state="")
            for model in names_of(name, baselines)
        }
        yield (
            lambda epoch: progress.update(
                tasks[epoch.model],
                completed=epoch.number,
                state=f"validation {epoch.validation_accuracy:.2%}",
            ),
            lambda done, total: progress.update(teacher, completed=done, total=total, visible=True),
        )
