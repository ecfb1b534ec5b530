"""A report whole: measured, its frontiers found, said in sentences, beside what was published."""

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.progress import Progress, no_progress
from evaluation.report.candidates import Candidates, LeftOut
from evaluation.report.equal import at_equal_error
from evaluation.report.frontier import MEASURES, frontier
from evaluation.report.held_out import HeldOutSamples
from evaluation.report.machine import Machine, this_machine
from evaluation.report.measuring import judge, judge_rivals, time_groups
from evaluation.report.merit import Merit
from evaluation.report.points import Point
from evaluation.report.published import Beside, beside_published
from evaluation.report.quality import TestData
from evaluation.report.sentences import sentence
from evaluation.report.style import in_order

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Report:
    """
    What `report.json` holds.

    Attributes:
        schema_version: Of these fields.
        data: Name of the data set.
        test_rows: Rows that everything was measured on.
        threads: That everything was computed with.
        command: The command line that made the report.
        machine: What it was measured on, and when.
        sentences: By measure of cost, which family is on the frontier where.
        equal_error: What a row costs where an FFF and the best other network err alike; of errors.
        points: By family, then by FLOPs.
        frontiers: By measure of cost, the points on its frontier, counted from 0, cheapest first.
        published: What papers say of the same shapes.
        left_out: Models that were not measured.
    """

    schema_version: int
    data: str
    test_rows: int
    threads: int
    command: str
    machine: Machine
    sentences: dict[str, str]
    equal_error: list[str]
    points: list[Point]
    frontiers: dict[str, list[int]]
    published: list[Beside]
    left_out: list[LeftOut]

    @property
    def merit(self) -> Merit:
        """What its points are told apart by."""
        return self.points[0].merit


def build_report(
    candidates: Candidates,
    test: TestData,
    data: str,
    threads: int,
    command: str,
    progress: Progress = no_progress,
    rivals: Sequence[str] = (),
) -> Report:
    """
    Measure candidates on the test data, and say what follows.

    Args:
        candidates: At least one.
        test: Held out: it must have chosen nothing.
        data: Name of the data set; known names bring the papers' figures (`published`).
        threads: Of everything that is computed.
        command: The command line, for whoever wants to repeat it.
        progress: Called between what is timed, never meanwhile.
        rivals: That are no networks, to be fitted and measured beside them; of samples only.

    Raises:
        EvaluationError: If no model can be measured.
    """
    count, left_out = len(candidates), candidates.left_out
    groups = judge(candidates.checkpoints(), count, test, threads, left_out, progress)
    if isinstance(test, HeldOutSamples):
        groups += judge_rivals(rivals, test, threads, left_out)
    machine = this_machine()  # here: the load that counts is the one that timing meets
    points = time_groups(groups, count, test, threads, progress)
    return report_of(points, data, len(test), threads, command, machine, left_out)


def report_of(
    points: Sequence[Point],
    data: str,
    test_rows: int,
    threads: int,
    command: str,
    machine: Machine,
    left_out: Sequence[LeftOut] = (),
) -> Report:
    """Say what follows from points that were measured, at least one."""
    order = in_order(point.family for point in points)
    found = sorted(
        points, key=lambda p: (order.index(p.family), p.cost.flops_per_row or 0, p.label, p.recipe)
    )
    frontiers = {
        m.name: [next(n for n, p in enumerate(found) if p is on) for on in frontier(found, m)]
        for m in MEASURES
    }
    return Report(
        schema_version=SCHEMA_VERSION,
        data=data,
        test_rows=test_rows,
        threads=threads,
        command=command,
        machine=machine,
        sentences={m.name: sentence(found, m) for m in MEASURES},
        equal_error=at_equal_error(found),
        points=found,
        frontiers=frontiers,
        published=beside_published(found, data),
        left_out=list(left_out),
    )
