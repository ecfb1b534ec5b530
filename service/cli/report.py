"""`fff-serve report`: what a store holds, or a grid that is trained for it, and the frontier."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.help_text import HelpfulCommand, Rows
from service.cli.options import JsonOption, StoreOption, ThreadsOption, open_store
from service.cli.progress import steps

if TYPE_CHECKING:
    from evaluation.dataset import Dataset
    from evaluation.report.report import Report

DIGITS = "digits"

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
    int, typer.Option(min=1, max=1000, metavar="NUMBER", help="Of each network of a grid.")
]
JobsOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=1024,
        metavar="NUMBER",
        help="Networks trained at once, a thread each. Default: one a processor.",
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
    seeds: SeedsOption = 5,
    jobs: JobsOption = None,
    out: OutOption = None,
    store: StoreOption = None,
    threads: ThreadsOption = 1,
    as_json: JsonOption = False,
) -> None:
    """
    Say which network to serve: accuracy over cost, and the frontier.

    Measures every model of the store that takes the data's test images, seeds of a recipe
    together: accuracy, leaf use, calibration, FLOPs, bytes, and the time of a row. With --grid it
    trains what is missing of one, and measures that.
    """
    from evaluation.report.files import prepare_folder, write_report
    from evaluation.report.tables import as_json as json_text
    from service.cli.report_table import print_report

    if out is not None:
        prepare_folder(out)
    command = _command_line(data, models or [], grid or [], seeds, out, store, threads)
    wanted = _trained(data, grid, seeds, jobs or os.cpu_count() or 1, store) if grid else []
    report = _measured(data, [*wanted, *(models or [])], store, threads, command)
    written = write_report(report, out) if out is not None else []
    if as_json:
        typer.echo(json_text(report), nl=False)
    else:
        print_report(report, written)


def _trained(
    data: str, grids: Sequence[str], seeds: int, jobs: int, store: str | None
) -> list[str]:
    """Train what the store lacks; names of all."""
    from training.grid_run import missing_jobs, run

    path = None if data == DIGITS else Path(data)
    names, missing = missing_jobs(grids, range(seeds), path, store)
    with steps(f"training {len(missing)} networks") as progress:
        run(missing, jobs, progress)
    return names


def _measured(
    data: str, models: list[str], store: str | None, threads: int, command: str
) -> "Report":
    from evaluation.report.candidates import find_candidates
    from evaluation.report.data_names import name_of_data
    from evaluation.report.report import build_report

    test = _test_part(data)
    candidates = find_candidates(open_store(store), models, test)
    named = data if data == DIGITS else name_of_data(Path(data))
    with steps(f"measuring {len(candidates)} models") as progress:
        return build_report(candidates, test, named, threads, command, progress)


def _test_part(data: str) -> "Dataset":
    from evaluation.datasets import digits, load_test

    if data == DIGITS:
        return digits()[1]
    with steps(f"reading {data}") as progress:
        return load_test(Path(data), progress=progress)


def _command_line(
    data: str,
    models: list[str],
    grids: list[str],
    seeds: int,
    out: Path | None,
    store: str | None,
    threads: int,
) -> str:
    """Spell the command out, what came from variables too."""
    words = ["fff-serve", "report", "--data", data]
    words += [word for pattern in models for word in ("--models", pattern)]
    words += [word for grid in grids for word in ("--grid", grid)]
    words += ["--seeds", str(seeds)] if grids else []
    words += ["--out", str(out)] if out is not None else []
    words += ["--store", store] if store is not None else []
    return shlex.join([*words, "--threads", str(threads)])
