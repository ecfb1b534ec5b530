"""`fff-serve train`: from data to a checkpoint and its dense twin."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from service.cli.data_options import (
    CategoryOption,
    DataOption,
    GreyOption,
    ImageSizeOption,
    LeaveOutOption,
    TargetOption,
    image_form,
)
from service.cli.field_training import train_on_fields
from service.cli.help_text import HelpfulCommand, Rows
from service.cli.options import JsonOption, StoreOption, open_writable_store, stored
from service.cli.progress import bars, steps
from service.cli.recipe_options import ChangeOption, fields_to_change
from service.cli.table_training import table_form, train_on_table
from service.cli.trained_models import baseline_names, entry_of, print_spread
from service.cli.vision_training import train_on_images

if TYPE_CHECKING:
    from model_store.store import Checkpoint
    from training.epoch import Epoch
    from training.interruption import Interruption


def recipe_names() -> list[str]:
    from training.recipes import ABOUT

    return [*ABOUT]


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
        from service.cli.recipe_help import (
            baseline_rows,
            field_rows,
            fields_of_field_rows,
            fields_of_table_rows,
            fields_of_vision_rows,
            recipe_rows,
        )

        more = {
            "Recipes": recipe_rows(),
            "Baselines": baseline_rows(),
            "Fields of a recipe, for --set": field_rows(),
            "Fields of the recipe field, for --set": fields_of_field_rows(),
            "Fields of the recipe table, for --set": fields_of_table_rows(),
            "Fields of the recipes vit-mnist and vit-fashion, for --set": fields_of_vision_rows(),
        }
        return super().sections(context) | more


def train_command(
    recipe: RecipeArgument,
    name: TrainedNameOption,
    data: DataOption = None,
    image_size: ImageSizeOption = None,
    grey: GreyOption = False,
    target: TargetOption = None,
    category: CategoryOption = None,
    leave_out: LeaveOutOption = None,
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
    from training.recipe import Recipe
    from training.recipes import any_recipe
    from training.table.recipe import TableRecipe
    from training.vision.recipe import VisionRecipe

    changed = any_recipe(recipe).override(fields_to_change(change))
    if isinstance(changed, VisionRecipe):
        _refuse_columns(target, category, leave_out)
        if picture is not None:
            raise typer.BadParameter("--picture is for networks of one layer")
        form = image_form(image_size, grey)
        train_on_images(changed, name, data, form, store, seed, seeds, baseline, as_json)
        return
    if not isinstance(changed, Recipe):
        if image_size or grey or picture:
            raise typer.BadParameter("--image-size, --grey and --picture are for images")
        of_table = isinstance(changed, TableRecipe)
        columns = table_form(data, target, category, leave_out, needed=of_table)
        common = store, seed, seeds, baseline, as_json
        if isinstance(changed, TableRecipe):
            assert data is not None, "it was asked for. This is a bug."
            assert columns is not None, "it was asked for. This is a bug."
            train_on_table(changed, name, data, columns, *common)
        else:
            train_on_fields(changed, name, data, target, columns, *common)
        return
    _refuse_columns(target, category, leave_out)
    from evaluation.datasets import load  # PyTorch, which a mistake in the line need not wait for
    from training.contenders import CONTENDERS
    from training.models import check_names, names_of, train_models

    baselines = baseline_names(baseline, changed.family, CONTENDERS)
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
    entries = [entry_of(opened, each) for each in trained]
    if as_json:
        typer.echo(orjson.dumps({"models": entries}).decode())
        return
    for checkpoint, entry in zip(trained, entries, strict=True):
        accuracy = entry["metrics"]["test_hard_accuracy"]
        typer.echo(f"{entry['name']} version {entry['version']}: test accuracy {accuracy:.2%}")
        typer.echo(stored(opened, checkpoint))
    if seeds > 1:
        print_spread(entries, seeds, "test_hard_accuracy", "test accuracy", percent=True)


def _refuse_columns(*options: list[str] | None) -> None:
    if any(options):
        raise typer.BadParameter(
            "--target, --category and --leave-out are for the recipes field and table: images have "
            "one label"
        )


def _draw(trained: "list[Checkpoint]", picture: Path) -> None:
    from evaluation.report.learning_curve import learning_curves

    picture.write_text(learning_curves(trained), encoding="utf-8")


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
