"""`fff-serve bench`: the kernels measured, by the benches of the checkout that this is run from."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import typer

from service.cli.help_text import HelpfulCommand, Rows

CHECKOUT = Path(__file__).parents[2]
"""Where the benches are, if this is a checkout; in an installed package they are not."""


class BenchCommand(HelpfulCommand):
    """`bench`, whose options are those of `bench.kernels`, as far as that is here."""

    def sections(self, context: Any) -> dict[str, Rows]:
        """Say where the options are listed."""
        here = "fff-serve bench -- --help lists them" if _is_here() else "in a checkout alone"
        return super().sections(context) | {"Options of bench.kernels": [("…", here)]}


def bench_command(context: typer.Context) -> None:
    """
    Measure the kernels against dense and the gather form.

    The benches come with a checkout of fff-serve, not with the package. Options go on to
    bench.kernels.
    """
    if not _is_here():
        raise typer.BadParameter(
            "the benches are in a checkout of fff-serve, not in the package: "
            "run this in one, after make install"
        )
    path = os.pathsep.join(filter(None, (str(CHECKOUT), os.environ.get("PYTHONPATH"))))
    # -P: not the folder this is run from, which may have a bench of its own.
    command = [sys.executable, "-P", "-m", "bench.kernels", *context.args]
    raise typer.Exit(subprocess.run(command, env=os.environ | {"PYTHONPATH": path}).returncode)


def _is_here() -> bool:
    return (CHECKOUT / "bench" / "kernels").is_dir()
