"""A report's files in a folder: `report.json`, `report.csv`, `report.html` and the pictures."""

import re
from pathlib import Path

from evaluation.report.document import as_html
from evaluation.report.pictures import pictures
from evaluation.report.report import Report
from evaluation.report.svg import require_matplotlib
from evaluation.report.tables import as_csv, as_json

_NOT_OF_EVERY_REPORT = re.compile(r"depth_m[0-9]+\.svg")


def prepare_folder(folder: Path) -> None:
    """
    Find out before any measuring whether a report can be drawn and written.

    Raises:
        EvaluationError: If matplotlib is not installed.
        OSError: If the folder cannot be made.
    """
    require_matplotlib()
    folder.mkdir(parents=True, exist_ok=True)


def write_report(report: Report, folder: Path) -> list[Path]:
    """
    Write the files, in place of those of an earlier report: its other pictures over depth go.

    Returns:
        What was written.

    Raises:
        EvaluationError: If matplotlib is not installed.
        OSError: If the disk or its permissions refuse.
    """
    drawn = pictures(report)
    texts = {
        "report.json": as_json(report),
        "report.csv": as_csv(report),
        "report.html": as_html(report, drawn),
    } | {f"{name}.svg": svg for name, svg in drawn.items()}
    prepare_folder(folder)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    for file in folder.iterdir():
        if _NOT_OF_EVERY_REPORT.fullmatch(file.name) and file.name not in texts:
            file.unlink()
    return [folder / name for name in texts]
