"""What is said below each picture: what its bars, dashes and missing labels mean."""

from evaluation.report.depth import depth_pictures
from evaluation.report.report import Report

_TIMED = "us_"
"""The beginning of the measures' names whose level bars are times."""


def caption(report: Report, name: str) -> str:
    """
    Explain one picture, and nothing that it does not show.

    Args:
        report: That the picture is of.
        name: As `evaluation.report.pictures` names it.
    """
    bars = "Bars: standard deviation over seeds"
    if name not in (curves := depth_pictures(report.points)):
        bars += ", and the rounds' middle half of time. " if name.startswith(_TIMED) else ". "
        return f"{bars}Labels without room are left out; the table has all points."
    said = [f"{bars}."]
    if any(0 in curve.depths for curve in curves[name]):
        said.append("Depth 0 is one leaf, a dense network.")
    if any(curve.dense_known()[0] for curve in curves[name]):
        said.append(
            "Dashed: what a dense network of the same FLOPs reaches, by a straight line over the "
            "logarithm of FLOPs between the two nearest that were measured."
        )
    return " ".join(said)
