"""`fff-serve report`: what a store holds, or a grid that is trained for it, and the frontier."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.data_options import GreyOption, ImageSizeOption, image_form
from service.cli.help_text import HelpfulCommand, Rows
from service.cli.options import JsonOption, StoreOption, ThreadsOption, open_store
from service.cli.progress import steps
from service.cli.recipe_options import ChangeOption, fields_to_change

if TYPE_CHECKING:
    from evaluation.dataset import Dataset
    from evaluation.image_folder import ImageForm
    from evaluation.report.report import Report

DIGITS = "digits"
DEFAULT_SEEDS = 5

TestDataOption = Annotated[
    str,
    typer.Option(
        metavar="PATH",
        help="Labelled images, as for train; their test part is used. Or digits.",
    ),
]
ModelsOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATTERN", help="Models to measure, with * and ?; repeatable. Default: all."
    ),
]
GridOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GRID", help="Train what the store lacks of these networks, first; repeatable."
    ),
]
SeedsOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=1000,
        metavar="NUMBER",
        help=f"Of each network of a grid. Default: {DEFAULT_SEEDS}.",
    ),
]
JobsOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=1024,
        metavar="NUMBER",
        help="Networks of a grid trained at once, a thread each; at MNIST's size one takes 3 to "
        "4 GB of memory. Default: one a processor.",
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Write report.html, .json, .csv and the pictures there."),
]


class ReportCommand(HelpfulCommand):
    """`report`, with the grids in its help."""

    def sections(self, context: Any) -> dict[str, Rows]:
        """Add what --grid trains."""
        from training.grid import GRIDS

        rows = [(name, (make.__doc__ or "").strip()) for name, make in GRIDS.items()]
        return super().sections(context) | {"Grids": rows}


def report_command(
    data: TestDataOption,
    models: ModelsOption = None,
    grid: GridOption = None,
    seeds: SeedsOption = None,
    change: ChangeOption = None,
    jobs: JobsOption = None,
    image_size: ImageSizeOption = None,
    grey: GreyOption = False,
    out: OutOption = None,
    store: StoreOption = None,
    threads: ThreadsOption = 1,
    as_json: JsonOption = False,
) -> None:
    """
    Say which network to serve: accuracy over cost, and the frontier.

    Measures every model of the store that takes the data's test images, seeds of a recipe
    together: accuracy, leaf use, calibration, FLOPs, bytes, and the time of a row. With --grid it
    trains what is missing of one, and measures that; --set changes our recipe there.
    """
    _check(
        data,
        bool(grid),
        bool(change) or seeds is not None or jobs is not None,
        bool(image_size) or grey,
    )
    form, changes = image_form(image_size, grey), fields_to_change(change)
    from evaluation.report.files import prepare_folder, write_report
    from evaluation.report.tables import as_json as json_text
    from service.cli.report_table import print_report

    if out is not None:
        prepare_folder(out)
    of_each = seeds or DEFAULT_SEEDS
    command = _command_line(
        ("--data", [data]),
        ("--models", models or []),
        ("--grid", grid or []),
        ("--seeds", [of_each] if grid else []),
        ("--set", change or []),
        ("--image-size", [image_size] if image_size else []),
        ("--grey", [""] if grey else []),
        ("--out", [out] if out is not None else []),
        ("--store", [store] if store is not None else []),
        ("--threads", [threads]),
    )
    at_once = jobs or os.cpu_count() or 1
    wanted = _trained(data, grid, of_each, changes, at_once, store, form) if grid else []
    report = _measured(data, [*wanted, *(models or [])], store, threads, command, form)
    written = write_report(report, out) if out is not None else []
    if as_json:
        typer.echo(json_text(report), nl=False)
    else:
        print_report(report, written)


def _check(data: str, with_grid: bool, training: bool, shaped: bool) -> None:
    if training and not with_grid:
        raise typer.BadParameter("--seeds, --set and --jobs are of --grid, which trains: give it")
    if data == DIGITS and shaped:
        raise typer.BadParameter("--image-size and --grey are of --data, a folder of images")


def _trained(
    data: str,
    grids: Sequence[str],
    seeds: int,
    changes: dict[str, str],
    jobs: int,
    store: str | None,
    form: "ImageForm",
) -> list[str]:
    """Train what the store lacks; names of all."""
    from training.grid_run import missing_jobs, run

    path = None if data == DIGITS else Path(data)
    names, missing = missing_jobs(grids, range(seeds), path, store, form, changes)
    with steps(f"training {len(missing)} networks") as progress:
        run(missing, jobs, progress)
    return names


def _measured(
    data: str,
    models: list[str],
    store: str | None,
    threads: int,
    command: str,
    form: "ImageForm",
) -> "Report":
    from evaluation.data_names import name_of_data
    from evaluation.report.candidates import find_candidates
    from evaluation.report.report import build_report

    test = _test_part(data, form)
    candidates = find_candidates(open_store(store), models, test)
    named = data if data == DIGITS else name_of_data(Path(data))
    with steps(f"measuring {len(candidates)} models") as progress:
        return build_report(candidates, test, named, threads, command, progress)


def _test_part(data: str, form: "ImageForm") -> "Dataset":
    from evaluation.datasets import digits, load_test

    if data == DIGITS:
        return digits()[1]
    with steps(f"reading {data}") as progress:
        return load_test(Path(data), form, progress)


def _command_line(*options: tuple[str, Sequence[object]]) -> str:
    """Spell the command out, what came from variables too: an option for each of its values."""
    words = (word for name, values in options for value in values for word in (name, str(value)))
    return shlex.join(["fff-serve", "report", *filter(None, words)])
