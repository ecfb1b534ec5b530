"""`fff-serve train, evaluate, compare, bench`: from data to a checkpoint, and honest figures."""

import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from service.cli.comparison_table import counted, print_comparison
from service.cli.options import (
    JsonOption,
    NameArgument,
    StoreOption,
    ThreadsOption,
    open_store,
    open_writable_store,
)

if TYPE_CHECKING:
    from evaluation.evaluate import Evaluation
    from training.loop import Epoch

ImagesOption = Annotated[Path, typer.Option(help="IDX file of images, .gz or plain.")]
LabelsOption = Annotated[Path, typer.Option(help="IDX file of labels, .gz or plain.")]
RecipeArgument = Annotated[str, typer.Argument(metavar="RECIPE", help="digits, mnist, …")]
TrainedNameOption = Annotated[str, typer.Option(help="Model name; the twin is NAME-dense.")]
DataOption = Annotated[Path | None, typer.Option(help="Folder of IDX files; digits needs none.")]
SeedOption = Annotated[int, typer.Option(help="Of split, initialisation and order of rows.")]
ChangeOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Change the recipe; repeatable."),
]


def train_command(
    recipe: RecipeArgument,
    name: TrainedNameOption,
    data: DataOption = None,
    store: StoreOption = None,
    seed: SeedOption = 0,
    change: ChangeOption = None,
) -> None:
    """Train an FFF and its dense twin on the same data and budget, and publish both."""
    from evaluation.datasets import load
    from training.pair import train_pair
    from training.recipes import recipe_by_name

    changed = recipe_by_name(recipe).override(_fields(change or []))
    target = open_writable_store(store)
    train, test = load(changed.data, data)
    with _progress_bars((name, f"{name}-dense"), changed.epochs) as progress:
        pair = train_pair(changed, train, test, target, name, seed, progress)
    for checkpoint in (pair.fff, pair.dense):
        metrics = checkpoint.manifest.origin.metrics  # type: ignore[union-attr]  # just trained
        typer.echo(
            f"{checkpoint.name} version {checkpoint.version}: "
            f"test accuracy {metrics['test_hard_accuracy']:.2%}"
        )


@contextmanager
def _progress_bars(models: Iterable[str], epochs: int) -> "Iterator[Callable[[Epoch], None]]":
    """One bar a model on the terminal; what is yielded moves them on."""
    columns = ("[progress.description]{task.description}", "{task.fields[state]}")
    with Progress(
        TextColumn(columns[0]), BarColumn(), TextColumn(columns[1]), TimeRemainingColumn()
    ) as bars:
        tasks = {model: bars.add_task(model, total=epochs, state="") for model in models}
        yield lambda epoch: bars.update(
            tasks[epoch.model],
            completed=epoch.number,
            state=f"validation {epoch.validation_accuracy:.2%}",
        )


def evaluate_command(
    name: NameArgument,
    images: ImagesOption,
    labels: LabelsOption,
    store: StoreOption = None,
    threads: ThreadsOption = 1,
    as_json: JsonOption = False,
) -> None:
    """Measure a model on labelled images: hard and soft accuracy, leaves used, rows a second."""
    from evaluation.datasets import load_idx_pair
    from evaluation.evaluate import evaluate

    data = load_idx_pair(images, labels)
    result = evaluate(open_store(store).load(name), data.images, data.labels, threads)
    if as_json:
        typer.echo(orjson.dumps(asdict(result)).decode())
    else:
        Console().print(_evaluation_table(result))


def _evaluation_table(result: "Evaluation") -> Table:
    table = Table(show_header=False, box=None)
    table.add_row("rows", f"{result.rows:,}")
    table.add_row("hard accuracy", f"{result.hard_accuracy:.2%}")
    table.add_row("soft accuracy", f"{result.soft_accuracy:.2%}")
    table.add_row("leaves used", f"{result.leaves_used}/{result.leaves}")
    shares = " ".join(f"{share:.1%}" for share in result.leaf_shares)
    table.add_row("share per leaf", shares or "no leaves: dense")
    table.add_row("rows/s", f"{result.rows_per_s:,.0f} with {counted(result.threads, 'thread')}")
    return table


def compare_command(
    name: NameArgument,
    images: Annotated[Path | None, typer.Option(help="IDX file of images.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="IDX file of their labels, for accuracy.")
    ] = None,
    store: StoreOption = None,
    threads: ThreadsOption = 1,
    as_json: JsonOption = False,
) -> None:
    """Set an FFF beside its dense baseline on this machine: accuracy, agreement, time per row."""
    from evaluation.comparison import compare, load_pair
    from evaluation.datasets import load_idx_images, load_idx_pair

    if images is None and labels is not None:
        raise typer.BadParameter("--labels are of --images: give both, or images alone")
    pair = load_pair(open_store(store), name)
    if images is not None and labels is not None:
        data = load_idx_pair(images, labels)
        result = compare(*pair, data.images, data.labels, threads=threads)
    else:
        given = None if images is None else load_idx_images(images)
        result = compare(*pair, given, threads=threads)
    if as_json:
        typer.echo(orjson.dumps(asdict(result)).decode())
    else:
        print_comparison(result)


def bench_command(context: typer.Context) -> None:
    """Measure the kernels against dense and the gather form; options go on to bench.kernels."""
    if not Path("bench/kernels").is_dir():
        raise typer.BadParameter(
            f"the benches are in a checkout of fff-serve, not in the package; run this in one, "
            f"not in {Path.cwd()}"
        )
    command = [sys.executable, "-m", "bench.kernels", *context.args]
    sys.exit(subprocess.run(command).returncode)


def _fields(changes: list[str]) -> dict[str, str]:
    for change in changes:
        if "=" not in change:
            raise typer.BadParameter(f"--set takes FIELD=VALUE, got {change!r}")
    return dict(change.split("=", 1) for change in changes)
