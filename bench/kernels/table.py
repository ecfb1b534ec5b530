"""The kernel bench as a person reads it: two tables a shape, then what they amount to."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from rich.console import Console
from rich.table import Table

from bench.kernels.cells import RIVALS, Cell, shape_of

_NAMES = {
    "dense": "dense",
    "dense_compiled": "compiled",
    "dense_inference": "narrow",
    "gather": "gather",
    "authors": "authors",
    "moe": "top-1",
    "moe_top2": "top-2",
}
_LEGEND = (
    "Times of one call over ours, ▼ where we lose. dense: eager torch at training width; "
    "compiled: by torch.compile; narrow: as wide as what one row meets; gather: copies a leaf a "
    "row; authors: their own evaluation, row by row; top-1, top-2: mixtures of experts on our "
    "leaf kernel. Their microseconds are in the JSON."
)
_CEILING_LEGEND = (
    "A batch takes no less than its FLOPs at sgemm's rate, and its bytes (leaves and nodes it "
    "meets, rows, outputs) at the rate at which the same places were read in the same rounds; "
    "floor is the larger."
)


def print_cells(console: Console, found: Sequence[Cell]) -> None:
    """Print the tables of every shape."""
    for title in dict.fromkeys(map(shape_of, found)):
        cells = [one for one in found if shape_of(one) == title]
        columns = ["batch", "routing", "weights", "ours µs", *_NAMES.values(), "of MoE\nFLOPs"]
        _print(console, title, columns, map(_times, cells))
        columns = ["batch", "routing", "weights", "ours µs", "leaves", "MB", "GB/s", "GFLOP/s"]
        columns += ["of sgemm", "floor µs", "set by", "of the\nceiling"]
        _print(console, f"{title}: the ceiling", columns, map(_ceiling, cells))
    console.print(f"{_LEGEND}\n{_CEILING_LEGEND}", soft_wrap=True)


def print_summary(console: Console, found: Sequence[Cell]) -> None:
    """Print losses, and the best and worst figures of every shape."""
    losses = [
        f"{sum((one[f'ratio_{name}'] or 1) < 1 for one in found)} to {_NAMES[name]}"
        for name in RIVALS
    ]
    console.print(f"Of {len(found)} cells we lose {', '.join(losses)}", soft_wrap=True)
    table = Table("worst to best, weights warm", title="Summary")
    shapes = list(dict.fromkeys(map(shape_of, found)))
    for shape in shapes:
        table.add_column(shape.replace(", leaf", ",\nleaf"), justify="right")
    for label, field, chosen in _summaries(found):
        cells = [one for one in found if one["weights"] == "warm" and chosen(one)]
        table.add_row(label, *(_range(cells, shape, field) for shape in shapes))
    console.print(table)


def _summaries(found: Sequence[Cell]) -> Iterator[tuple[str, str, Callable[[Cell], bool]]]:
    for batch in dict.fromkeys(one["batch"] for one in found):
        yield f"over dense, batch {batch}", "ratio_dense", partial(_has_batch, batch)
    yield "over compiled dense", "ratio_dense_compiled", lambda c: True
    yield "over gather, batch ≤ 128", "ratio_gather", lambda c: c["batch"] <= 128
    yield "over top-1 mixture", "ratio_moe", lambda c: True
    yield "of the mixture's FLOP ratio", "fraction_of_moe_flop_ratio", lambda c: True
    yield "of sgemm, batch ≥ 128", "fraction_of_sgemm", lambda c: c["batch"] >= 128
    yield "of the ceiling", "fraction_of_ceiling", lambda c: True


def _has_batch(batch: int, found: Cell) -> bool:
    return bool(found["batch"] == batch)


def _range(cells: Sequence[Cell], shape: str, field: str) -> str:
    values = [one[field] for one in cells if shape_of(one) == shape and one[field] is not None]
    if not values:
        return "–"
    form = "{:.0%}".format if field.startswith("fraction") else _ratio
    low, high = form(min(values)), form(max(values))
    return low if low == high else f"{low} to {high}"


def _print(console: Console, title: str, columns: Sequence[str], rows: Iterator[list[str]]) -> None:
    table = Table(*columns, title=title, padding=(0, 0))
    for column in table.columns[3:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _condition(found: Cell) -> list[str]:
    return [str(found["batch"]), found["routing"], found["weights"], _number(found["ours_us"])]


def _times(found: Cell) -> list[str]:
    against = [_marked(found[f"ratio_{name}"]) for name in _NAMES]
    return [*_condition(found), *against, _share(found["fraction_of_moe_flop_ratio"])]


def _ceiling(found: Cell) -> list[str]:
    return [
        *_condition(found),
        _number(found["leaves_touched"]),
        f"{found['bytes_touched'] / 1e6:.3g}",
        _number(found["read_gb_s"]),
        _number(found["gflops"]),
        f"{found['fraction_of_sgemm']:.0%}",
        _number(found["floor_us"]),
        found["bound"],
        f"{found['fraction_of_ceiling']:.0%}",
    ]


def _marked(ratio: float | None) -> str:
    if ratio is None:
        return "–"
    return _ratio(ratio) if ratio >= 1 else f"[red]▼ {_ratio(ratio)}[/]"


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def _ratio(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:,.0f}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
