"""`fff-serve evaluate, compare`: honest figures of one model, and of two beside each other."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from service.cli.options import JsonOption, NameArgument, StoreOption, ThreadsOption, open_store
from service.cli.progress import steps

if TYPE_CHECKING:
    from evaluation.evaluate import Evaluation

ImagesOption = Annotated[
    Path, typer.Option(metavar="IDX", help="IDX file of images, .gz or plain.")
]
LabelsOption = Annotated[
    Path, typer.Option(metavar="IDX", help="IDX file of labels, .gz or plain.")
]
ComparedImagesOption = Annotated[
    Path | None,
    typer.Option(metavar="IDX", help="IDX file of images; without, rows are drawn at random."),
]
ComparedLabelsOption = Annotated[
    Path | None, typer.Option(metavar="IDX", help="IDX file of their labels, for accuracy.")
]


def evaluate_command(
    name: NameArgument,
    images: ImagesOption,
    labels: LabelsOption,
    store: StoreOption = None,
    threads: ThreadsOption = 1,
    as_json: JsonOption = False,
) -> None:
    """
    Measure a model on labelled images.

    Hard and soft accuracy, how many leaves are used and how rows share them, rows a second.
    """
    from evaluation.datasets import load_idx_pair
    from evaluation.evaluate import evaluate

    data = load_idx_pair(images, labels)
    checkpoint = open_store(store).load(name)
    with steps(f"evaluating {name}") as progress:
        result = evaluate(checkpoint, data.images, data.labels, threads, progress)
    if as_json:
        typer.echo(orjson.dumps(asdict(result)).decode())
    else:
        _print_evaluation(result)


def _print_evaluation(result: "Evaluation") -> None:
    from rich.console import Console
    from rich.table import Table

    from service.cli.comparison_table import counted

    table = Table(show_header=False, box=None)
    table.add_row("rows", f"{result.rows:,}")
    table.add_row("hard accuracy", f"{result.hard_accuracy:.2%}")
    table.add_row("soft accuracy", f"{result.soft_accuracy:.2%}")
    table.add_row("leaves used", f"{result.leaves_used}/{result.leaves}")
    shares = " ".join(f"{share:.1%}" for share in result.leaf_shares)
    table.add_row("share per leaf", shares or "no leaves: dense")
    table.add_row("rows/s", f"{result.rows_per_s:,.0f} with {counted(result.threads, 'thread')}")
    Console().print(table)


def compare_command(
    name: NameArgument,
    images: ComparedImagesOption = None,
    labels: ComparedLabelsOption = None,
    store: StoreOption = None,
    threads: ThreadsOption = 1,
    as_json: JsonOption = False,
) -> None:
    """
    Set an FFF beside its dense baseline on this machine.

    Accuracy and agreement on the images, and the time of a row at several batch sizes.
    """
    from evaluation.comparison import compare, load_pair
    from evaluation.datasets import load_idx_images, load_idx_pair
    from service.cli.comparison_table import print_comparison

    if images is None and labels is not None:
        raise typer.BadParameter("--labels are of --images: give both, or images alone")
    given, classes = None, None
    if images is not None and labels is not None:
        data = load_idx_pair(images, labels)
        given, classes = data.images, data.labels
    elif images is not None:
        given = load_idx_images(images)
    pair = load_pair(open_store(store), name)
    with steps(f"comparing {name}") as progress:
        result = compare(*pair, given, classes, threads=threads, progress=progress)
    if as_json:
        typer.echo(orjson.dumps(asdict(result)).decode())
    else:
        print_comparison(result)
