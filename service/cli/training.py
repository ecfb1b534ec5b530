"""`fff-serve train`: from data to a checkpoint and its dense twin."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from service.cli.help_text import HelpfulCommand, Rows
from service.cli.options import JsonOption, StoreOption, open_writable_store, stored
from service.cli.progress import bars

if TYPE_CHECKING:
    from model_store.store import Checkpoint, Store
    from training.loop import Epoch


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
DataOption = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Folder of IDX files; digits needs none."),
]
SeedOption = Annotated[
    int,
    typer.Option(
        min=0,
        max=2**32 - 1,  # numpy's bound; PyTorch takes more
        metavar="NUMBER",
        help="Of split, initialisation and order of rows.",
    ),
]
ChangeOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Change a field of the recipe; repeatable."),
]


class TrainCommand(HelpfulCommand):
    """`train`, with the recipes and their fields in its help."""

    def sections(self, context: Any) -> dict[str, Rows]:
        """Add the recipes, and what --set changes of them."""
        from service.cli.recipe_help import field_rows, recipe_rows

        more = {"Recipes": recipe_rows(), "Fields of a recipe, for --set": field_rows()}
        return super().sections(context) | more


def train_command(
    recipe: RecipeArgument,
    name: TrainedNameOption,
    data: DataOption = None,
    store: StoreOption = None,
    seed: SeedOption = 0,
    change: ChangeOption = None,
    as_json: JsonOption = False,
) -> None:
    """
    Train an FFF and its dense twin on the same data and budget, and publish both.

    The twin has the FFF's training width and gets the same rows, epochs and optimiser.
    """
    from training.recipes import recipe_by_name

    changed = recipe_by_name(recipe).override(_fields(change or []))
    from evaluation.datasets import load  # PyTorch, which a mistake in the line need not wait for
    from training.pair import train_pair

    opened = open_writable_store(store)
    train, test = load(changed.data, data)
    with _bars((name, f"{name}-dense"), changed.epochs) as progress:
        pair = train_pair(changed, train, test, opened, name, seed, progress)
    trained = [(each, _entry(opened, each)) for each in (pair.fff, pair.dense)]
    if as_json:
        typer.echo(orjson.dumps({"models": [entry for _, entry in trained]}).decode())
        return
    for checkpoint, entry in trained:
        accuracy = entry["metrics"]["test_hard_accuracy"]
        typer.echo(f"{entry['name']} version {entry['version']}: test accuracy {accuracy:.2%}")
        typer.echo(stored(opened, checkpoint))


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
def _bars(models: Iterable[str], epochs: int) -> "Iterator[Callable[[Epoch], None]]":
    """One bar a model; what is yielded moves them on."""
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

    name, state = TextColumn("{task.description}"), TextColumn("{task.fields[state]}")
    with bars(name, BarColumn(), state, TimeRemainingColumn()) as progress:
        tasks = {model: progress.add_task(model, total=epochs, state="") for model in models}
        yield lambda epoch: progress.update(
            tasks[epoch.model],
            completed=epoch.number,
            state=f"validation {epoch.validation_accuracy:.2%}",
        )


def _fields(changes: list[str]) -> dict[str, str]:
    for change in changes:
        if "=" not in change:
            raise typer.BadParameter(f"--set takes FIELD=VALUE, got {change!r}")
    return dict(change.split("=", 1) for change in changes)
