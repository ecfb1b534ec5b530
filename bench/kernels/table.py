"""The kernel bench as a person reads it: two tables a shape, then what they amount to."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from rich.console import Console
from rich.table import Table

from bench.kernels.cells import RIVALS, shape_of
from bench.networks import Cell

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


def print_cells(console: Console, cells: Sequence[Cell]) -> None:
    """Print the tables of every shape."""
    for title in dict.fromkeys(map(shape_of, cells)):
        of_shape = [cell for cell in cells if shape_of(cell) == title]
        columns = ["batch", "routing", "weights", "ours µs", *_NAMES.values(), "of MoE\nFLOPs"]
        _print(console, title, columns, map(_times, of_shape))
        columns = ["batch", "routing", "weights", "ours µs", "leaves", "MB", "GB/s", "GFLOP/s"]
        columns += ["of sgemm", "floor µs", "set by", "of the\nceiling"]
        _print(console, f"{title}: the ceiling", columns, map(_ceiling, of_shape))
    console.print(f"{_LEGEND}\n{_CEILING_LEGEND}", soft_wrap=True)


def print_summary(console: Console, cells: Sequence[Cell]) -> None:
    """Print losses, and the best and worst figures of every shape."""
    losses = [
        f"{sum((cell[f'ratio_{name}'] or 1) < 1 for cell in cells)} to {_NAMES[name]}"
        for name in RIVALS
    ]
    console.print(f"Of {len(cells)} cells we lose {', '.join(losses)}", soft_wrap=True)
    table = Table("worst to best, weights warm", title="Summary")
    shapes = list(dict.fromkeys(map(shape_of, cells)))
    for shape in shapes:
        table.add_column(shape.replace(", leaf", ",\nleaf"), justify="right")
    for label, field, counts in _summaries(cells):
        counted = [cell for cell in cells if cell["weights"] == "warm" and counts(cell)]
        table.add_row(label, *(_range(counted, shape, field) for shape in shapes))
    console.print(table)


def _summaries(cells: Sequence[Cell]) -> Iterator[tuple[str, str, Callable[[Cell], bool]]]:
    """Label, field and the cells that count, for every line of the summary."""
    for batch in dict.fromkeys(cell["batch"] for cell in cells):
        yield f"over dense, batch {batch}", "ratio_dense", partial(_has_batch, batch)
    yield "over compiled dense", "ratio_dense_compiled", lambda c: True
    yield "over gather, batch ≤ 128", "ratio_gather", lambda c: c["batch"] <= 128
    yield "over top-1 mixture", "ratio_moe", lambda c: True
    yield "of the mixture's FLOP ratio", "fraction_of_moe_flop_ratio", lambda c: True
    yield "of sgemm, batch ≥ 128", "fraction_of_sgemm", lambda c: c["batch"] >= 128
    yield "of the ceiling", "fraction_of_ceiling", lambda c: True


def _has_batch(batch: int, cell: Cell) -> bool:
    return bool(cell["batch"] == batch)


def _range(cells: Sequence[Cell], shape: str, field: str) -> str:
    of_shape = (cell[field] for cell in cells if shape_of(cell) == shape)
    values = [value for value in of_shape if value is not None]
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


def _condition(cell: Cell) -> list[str]:
    return [str(cell["batch"]), cell["routing"], cell["weights"], _number(cell["ours_us"])]


def _times(cell: Cell) -> list[str]:
    against = [_marked(cell[f"ratio_{name}"]) for name in _NAMES]
    return [*_condition(cell), *against, _share(cell["fraction_of_moe_flop_ratio"])]


def _ceiling(cell: Cell) -> list[str]:
    return [
        *_condition(cell),
        _number(cell["leaves_touched"]),
        f"{cell['bytes_touched'] / 1e6:.3g}",
        _number(cell["read_gb_s"]),
        _number(cell["gflops"]),
        f"{cell['fraction_of_sgemm']:.0%}",
        _number(cell["floor_us"]),
        cell["bound"],
        f"{cell['fraction_of_ceiling']:.0%}",
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
