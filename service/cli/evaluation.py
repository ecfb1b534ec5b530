"""
`fff-serve evaluate, compare`: honest figures of one model, and of two beside each other.

Covered:      where the images come from: a data set's test part, or a file each.
Not covered:  reading them (`evaluation.datasets`), measuring (`evaluation`).
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from service.cli.data_options import (
    DataOption,
    GreyOption,
    HeldOutOption,
    ImageSizeOption,
    TargetOption,
    image_form,
)
from service.cli.field_evaluation import evaluate_on_field, samples_for
from service.cli.options import JsonOption, NameArgument, StoreOption, ThreadsOption, open_store
from service.cli.progress import steps

if TYPE_CHECKING:
    from evaluation.comparison import OfflineComparison
    from evaluation.dataset import Dataset
    from evaluation.evaluate import Evaluation
    from evaluation.image_folder import ImageForm
    from model_store.store import Checkpoint

ImagesOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Images alone: IDX (.gz or plain), .npy or .npz."),
]
LabelsOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Their labels: IDX, .npy or .npz.")
]


def evaluate_command(
    name: NameArgument,
    data: DataOption = None,
    images: ImagesOption = None,
    labels: LabelsOption = None,
    image_size: ImageSizeOption = None,
    grey: GreyOption = False,
    target: TargetOption = None,
    heldout: HeldOutOption = False,
    store: StoreOption = None,
    threads: ThreadsOption = 1,
    as_json: JsonOption = False,
) -> None:
    """
    Measure a model on labelled images, on a field or on a table.

    Of classes: hard and soft accuracy, calibration; of images in --data it is the test part that
    counts. Of values: RMSE and MAE in the target's unit, R squared. Of both: how many leaves are
    used and how rows share them, rows a second.
    """
    _check_sources(data, images, labels, bool(image_size) or grey)
    form = image_form(image_size, grey)
    if data is None and (images is None or labels is None):
        raise typer.BadParameter("give --data, or --images and --labels")
    from evaluation.classification import evaluate_classes
    from evaluation.evaluate import evaluate
    from evaluation.tables import is_table

    checkpoint = open_store(store).load(name)
    if checkpoint.manifest.task == "regression":
        if data is None:
            raise typer.BadParameter(f"{name} is for a field or a table: give --data")
        evaluate_on_field(checkpoint, data, target, heldout, threads, as_json)
        return
    if data is not None and is_table(data):
        samples = samples_for(checkpoint, data, target, heldout)
        with steps(f"evaluating {name}") as progress:
            result = evaluate_classes(checkpoint, samples, threads, progress)
    else:
        _check_field_options(checkpoint, target, heldout)
        given = _labelled(checkpoint, data, images, labels, form)
        with steps(f"evaluating {name}") as progress:
            result = evaluate(checkpoint, given.images, given.labels, threads, progress)
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
    table.add_row("calibration error", f"{result.calibration_error:.2%}")
    table.add_row("negative log-likelihood", f"{result.nll:.4f}")
    if result.confidence_when_wrong is not None:
        table.add_row("confidence if wrong", f"{result.confidence_when_wrong:.1%}")
    table.add_row("leaves used", f"{result.leaves_used}/{result.leaves}")
    shares = " ".join(f"{share:.1%}" for share in result.leaf_shares)
    table.add_row("share per leaf", shares or "no leaves")
    table.add_row("rows/s", f"{result.rows_per_s:,.0f} with {counted(result.threads, 'thread')}")
    Console().print(table)


def compare_command(
    name: NameArgument,
    data: DataOption = None,
    images: ImagesOption = None,
    labels: LabelsOption = None,
    image_size: ImageSizeOption = None,
    grey: GreyOption = False,
    target: TargetOption = None,
    heldout: HeldOutOption = False,
    store: StoreOption = None,
    threads: ThreadsOption = 1,
    as_json: JsonOption = False,
) -> None:
    """
    Set a model, mostly an FFF, beside its baseline on this machine.

    Accuracy or error, agreement, and the time of a row at several batch sizes. Of images in --data
    it is the test part that counts; without images, rows are drawn at random.
    """
    _check_sources(data, images, labels, bool(image_size) or grey)
    form = image_form(image_size, grey)
    from evaluation.comparison import compare, compare_samples, load_pair
    from evaluation.datasets import load_images
    from evaluation.tables import is_table

    pair = load_pair(open_store(store), name)
    if data is not None and (pair[0].manifest.task == "regression" or is_table(data)):
        samples = samples_for(pair[0], data, target, heldout)
        with steps(f"comparing {name}") as progress:
            result = compare_samples(*pair, samples, threads=threads, progress=progress)
        _print_compared(result, as_json)
        return
    _check_field_options(pair[0], target, heldout)
    given, classes = None, None
    if data is not None or labels is not None:
        labelled = _labelled(pair[0], data, images, labels, form)
        given, classes = labelled.images, labelled.labels
    elif images is not None:
        given = load_images(images)
    with steps(f"comparing {name}") as progress:
        result = compare(*pair, given, classes, threads=threads, progress=progress)
    _print_compared(result, as_json)


def _print_compared(result: "OfflineComparison", as_json: bool) -> None:
    from service.cli.comparison_table import print_comparison

    if as_json:
        typer.echo(orjson.dumps(asdict(result)).decode())
    else:
        print_comparison(result)


def _check_field_options(checkpoint: "Checkpoint", target: list[str] | None, heldout: bool) -> None:
    if heldout or target:
        raise typer.BadParameter(
            f"--heldout and --target are of a field or a table in --data; {checkpoint.name} "
            f"predicts {checkpoint.manifest.predicts}"
        )


def _check_sources(
    data: Path | None, images: Path | None, labels: Path | None, shaped: bool
) -> None:
    if data is not None and (images is not None or labels is not None):
        raise typer.BadParameter("--data has images and labels: give it, or --images and --labels")
    if images is None and labels is not None:
        raise typer.BadParameter("--labels are of --images: give both, or images alone")
    if data is None and shaped:
        raise typer.BadParameter("--image-size and --grey are of --data, a folder of images")


def _labelled(
    checkpoint: "Checkpoint",
    data: Path | None,
    images: Path | None,
    labels: Path | None,
    form: "ImageForm",
) -> "Dataset":
    """Read the test part of `data`, or images and labels, for a model."""
    from evaluation.datasets import load_pair, load_test
    from evaluation.fitting import fitted_to

    if images is not None and labels is not None:
        return load_pair(images, labels)
    assert data is not None, "one of the two is given. This is a bug."
    with steps(f"reading {data}") as progress:
        labelled = load_test(data, form, progress)
    if labelled.class_names is None:
        return labelled
    fitted, done = fitted_to(checkpoint, labelled)
    if done:
        typer.echo(f"{data}: {done}", err=True)
    return fitted
