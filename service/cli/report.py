"""`fff-serve report`: what a store holds, or a grid that is trained for it, and the frontier."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.data_options import (
    CategoryOption,
    GreyOption,
    ImageSizeOption,
    LeaveOutOption,
    TargetOption,
    image_form,
)
from service.cli.help_text import HelpfulCommand, Rows
from service.cli.options import JsonOption, StoreOption, ThreadsOption, open_store
from service.cli.progress import steps
from service.cli.recipe_options import ChangeOption, fields_to_change

if TYPE_CHECKING:
    from evaluation.report.report import Report
    from service.cli.report_sources import Source

DEFAULT_SEEDS = 5

TestDataOption = Annotated[
    str,
    typer.Option(
        metavar="PATH",
        help="Labelled images, a field or a table, as for train; the test part is used. Or digits, "
        "or terrain.",
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
RivalOption = Annotated[
    list[str] | None,
    typer.Option(
        "--rival",
        metavar="RIVAL",
        help="Of a field or a table: fit this to the training rows and measure it too; "
        "repeatable. Default: all. none for none.",
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Write report.html, .json, .csv and the pictures there."),
]


class ReportCommand(HelpfulCommand):
    """`report`, with the grids and the rivals in its help."""

    def sections(self, context: Any) -> dict[str, Rows]:
        """Add what --grid trains, and what --rival fits."""
        from evaluation.report.rivals import RIVALS
        from training.field.grid import FIELD_GRIDS
        from training.grid import GRIDS

        grids, rivals = (
            [(name, (make.__doc__ or "").strip()) for name, make in each.items()]
            for each in (GRIDS | FIELD_GRIDS, RIVALS)
        )
        return super().sections(context) | {"Grids": grids, "Rivals of a field or table": rivals}


def report_command(
    data: TestDataOption,
    models: ModelsOption = None,
    grid: GridOption = None,
    seeds: SeedsOption = None,
    change: ChangeOption = None,
    jobs: JobsOption = None,
    image_size: ImageSizeOption = None,
    grey: GreyOption = False,
    target: TargetOption = None,
    category: CategoryOption = None,
    leave_out: LeaveOutOption = None,
    rival: RivalOption = None,
    out: OutOption = None,
    store: StoreOption = None,
    threads: ThreadsOption = 1,
    as_json: JsonOption = False,
) -> None:
    """
    Say which network to serve: accuracy or error over cost, and the frontier.

    Measures every model of the store that takes the data's test rows, seeds of a recipe together:
    accuracy or error, leaf use, FLOPs, bytes, and the time of a row. With --grid it trains what is
    missing of one, and measures that; --set changes our recipe there. Of a field or a table, rivals
    that are no networks are fitted and measured beside them.
    """
    if (change or seeds is not None or jobs is not None) and not grid:
        raise typer.BadParameter("--seeds, --set and --jobs are of --grid, which trains: give it")
    form, changes = image_form(image_size, grey), fields_to_change(change)
    from service.cli.report_sources import source_of

    shaped, columns = bool(image_size) or grey, (category, leave_out)
    source = source_of(data, target, columns, form, shaped, changes)
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
        ("--target", target or []),
        ("--category", category or []),
        ("--leave-out", leave_out or []),
        ("--rival", rival or []),
        ("--out", [out] if out is not None else []),
        ("--store", [store] if store is not None else []),
        ("--threads", [threads]),
    )
    at_once = jobs or os.cpu_count() or 1
    wanted = _trained(source, grid, of_each, at_once, store) if grid else []
    report = _measured(source, [*wanted, *(models or [])], rival, store, threads, command)
    written = write_report(report, out) if out is not None else []
    if as_json:
        typer.echo(json_text(report), nl=False)
    else:
        print_report(report, written)


def _trained(
    source: "Source", grids: Sequence[str], seeds: int, jobs: int, store: str | None
) -> list[str]:
    """Train what the store lacks; names of all."""
    from training.grid_jobs import run

    names, missing = source.missing(grids, range(seeds), store)
    with steps(f"training {len(missing)} networks") as progress:
        run(missing, jobs, progress)
    return names


def _measured(
    source: "Source",
    models: list[str],
    rivals: list[str] | None,
    store: str | None,
    threads: int,
    command: str,
) -> "Report":
    from evaluation.report.candidates import find_candidates
    from evaluation.report.held_out import HeldOutSamples
    from evaluation.report.report import build_report
    from evaluation.report.rivals import wanted_rivals

    test = source.test_data()
    if rivals and not isinstance(test, HeldOutSamples):
        raise typer.BadParameter("--rival is of a field or a table in --data")
    beside = wanted_rivals(rivals) if isinstance(test, HeldOutSamples) else []
    candidates = find_candidates(open_store(store), models, test)
    with steps(f"measuring {len(candidates)} models") as progress:
        return build_report(candidates, test, source.name, threads, command, progress, beside)


def _command_line(*options: tuple[str, Sequence[object]]) -> str:
    """Spell the command out, what came from variables too: an option for each of its values."""
    words = (word for name, values in options for value in values for word in (name, str(value)))
    return shlex.join(["fff-serve", "report", *filter(None, words)])
