"""The outside of the benches that load servers with wrk: what they need, and how they end."""

import argparse
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

from bench.http.parity import Refused
from bench.http.report import Circumstances
from bench.http.wrk import WrkError, find_wrk
from bench.parity import ParityError
from loadtest.harness.command import exit_code
from loadtest.harness.errors import LoadTestError

R = TypeVar("R")
Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Workplace:
    """
    For the length of a bench.

    Attributes:
        wrk: Path of the load generator.
        folder: Empty, and gone afterwards.
        running: Ends the servers that enter it.
    """

    wrk: str
    folder: Path
    running: ExitStack


def run_bench(
    name: str,
    options: argparse.Namespace,
    measure: Callable[[Workplace], R],
    report: Callable[[R, Facts], int],
) -> int:
    """
    Measure, end the servers, report; an expected error is one line on standard error.

    Torch has one thread meanwhile. Several wait for each other by spinning, which on two busy cores
    takes far longer than the reference computes.

    Args:
        name: Of the command, before that line.
        options: With `rounds` and `duration_s`.
        measure: Starts servers and loads them.
        report: Gets what `measure` returns, and the circumstances; prints and returns the exit
            code.

    Returns:
        The exit code; 1 after an error.
    """

    def run() -> int:
        wrk, circumstances = find_wrk(), Circumstances()
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
                results = measure(Workplace(wrk, Path(folder), running))
            return report(results, circumstances.facts(options.rounds, options.duration_s))
        finally:
            torch.set_num_threads(threads)

    return exit_code(name, run, WrkError, LoadTestError, ParityError, Refused)
