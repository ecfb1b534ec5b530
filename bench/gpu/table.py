"""What a run found, short: the end of its output is all that is seen at once."""

from collections.abc import Callable, Iterator, Sequence

from bench.gpu.journal import Fields

_RIVALS = ("gather", "gather_routed", "grouped_mm", "transformers")
_TITLES = "".join(title.rjust(8) for title in ("ours", "dense", "rival", "moe", "ratio", ""))

Writer = Callable[[Sequence[Fields]], Iterator[str]]


def table(lines: Sequence[Fields]) -> str:
    """Faults first, then what was measured, part by part."""
    writers: tuple[Writer, ...] = (
        *(_rehearsed, _faults, _checks, _limits, _kernels, _tuning),
        *(_cells, _million, _compiled, _service),
    )
    return "\n".join(line for write in writers for line in _written(write, lines))


def _written(write: Writer, lines: Sequence[Fields]) -> list[str]:
    try:
        return list(write(lines))
    except (KeyError, TypeError, ValueError) as exc:  # a line that lacks what it should have
        return [f"{write.__name__}: {type(exc).__name__}: {exc}; see the file"]


def _of(lines: Sequence[Fields], *parts: str) -> list[Fields]:
    return [line for line in lines if line["part"] in parts]


def _rehearsed(lines: Sequence[Fields]) -> Iterator[str]:
    if any(line.get("rehearsed") for line in lines):
        yield "REHEARSED: every time below is a model's, nothing was measured"


def _faults(lines: Sequence[Fields]) -> Iterator[str]:
    wrong = [line for line in lines if "error" in line or line.get("ok") is False]
    skipped = sum("skipped" in line for line in lines)
    partly = sum("errors" in line for line in lines)
    yield f"{len(wrong)} steps failed, {partly} partly, {skipped} were skipped"
    for line in wrong[:12]:
        why = line.get("error") or line.get("wrong") or line.get("tail") or "not as it should be"
        yield f"  {line['part']} {line['step']}: {str(why)[-160:]}".replace("\n", " ")


def _checks(lines: Sequence[Fields]) -> Iterator[str]:
    for part in ("check", "check-tuned", "sanitizer", "tests"):
        found = [line for line in _of(lines, part) if "ok" in line]
        if found:
            yield f"{part}: {sum(line['ok'] for line in found)} of {len(found)} as they should be"


def _limits(lines: Sequence[Fields]) -> Iterator[str]:
    for line in [line for line in lines if "limits" in line][-1:]:
        found = (f"{name} {value:.3g}" for name, value in line["limits"].items())
        yield f"limits: {', '.join(found)}; assumed: {', '.join(line['assumed'])}"


def _kernels(lines: Sequence[Fields]) -> Iterator[str]:
    found = [line for line in _of(lines, "kernels") if "route_us" in line]
    if found:
        yield "kernels, us: layer, batch: walk + sorting + leaves = all; dense"
    for line in found:
        parts = " + ".join(f"{line[f'{name}_us']:.1f}" for name in ("route", "rank", "leaves"))
        dense = _us(line.get("dense_fused_rows_us"))
        yield f"  {_layer(line)} B{line['batch']}: {parts} = {line['ours_us']:.1f}; {dense}"


def _tuning(lines: Sequence[Fields]) -> Iterator[str]:
    for line in [line for line in lines if "tuning" in line][-1:]:
        yield f"tuning: {line['tuning']}"


def _cells(lines: Sequence[Fields]) -> Iterator[str]:
    """One line for weights warm and cold; rivals are the best of those on our leaves, and moe."""
    cells = [line for line in _of(lines, "rivals", "grid") if "ours_us" in line]
    if not cells:
        return
    yield f"{'cells: us, dense / ours, of target':34}{_TITLES} | cold: ours   dense   ratio"
    cold = {_name(cell): cell for cell in cells if cell["weights"] == "cold"}
    for cell in [cell for cell in cells if cell["weights"] == "warm"]:
        other = cold.get(_name(cell), {})
        rivals = [us for name in _RIVALS if (us := cell.get(f"{name}_us"))]
        times = (cell["ours_us"], cell.get("dense_us"), min(rivals, default=None))
        mark = "!" if "verify" in cell.get("errors", {}) else " "
        yield (
            f"{mark}{_name(cell):33}{''.join(map(_us, (*times, cell.get('moe_us'))))}"
            f"{_us(cell.get('ratio_dense'), 2)} {_share(cell.get('fraction_of_target'))} |  "
            f"{_us(other.get('ours_us'))}{_us(other.get('dense_us'))}"
            f"{_us(other.get('ratio_dense'), 2)} {_share(other.get('fraction_of_target'))}"
        )
    shares = [cell["fraction_of_target"] for cell in cells if cell.get("fraction_of_target")]
    good = sum(share >= 0.7 for share in shares)
    best = max((cell.get("ratio_dense") or 0.0 for cell in cells), default=0.0)
    yield f"{good} of {len(shares)} cells reach 70 % of target; best ratio to dense {best:.1f}"


def _name(cell: Fields) -> str:
    one_leaf = " 1 leaf" if cell["routing"] == "single-leaf" else ""
    return f"{_layer(cell)} {cell['dtype'][:4]} B{cell['batch']}{one_leaf}"


def _million(lines: Sequence[Fields]) -> Iterator[str]:
    found = [line for line in _of(lines, "million") if "ours_us" in line]
    if found:
        yield "a million neurons: us, cold us, dense us, bytes read of the bandwidth when cold"
    for line in found:
        times = (line["ours_us"], line.get("ours_cold_us"), line.get("dense_us"))
        share = _share(line.get("bandwidth_share"))
        yield f" {_name(line):33}{''.join(map(_us, times))} {share}"


def _compiled(lines: Sequence[Fields]) -> Iterator[str]:
    for line in _of(lines, "compiled"):
        if us := line.get("dense_compiled_us"):
            yield f"compiled dense {_name(line)}: {us:.1f} us after {line['compile_s']:.0f} s"


def _service(lines: Sequence[Fields]) -> Iterator[str]:
    for line in _of(lines, "serving"):
        if "requests_per_s" in line:
            names = ("requests_per_s", "p50_ms", "p99_ms", "errors", "compute_share")
            found = ", ".join(f"{name} {line[name]}" for name in names if name in line)
            yield f"service, {line['step']}: {found}"


def _layer(line: Fields) -> str:
    return f"{line['in']}->{line['out']} l{line['leaf']} d{line['depth']}"


def _us(value: float | None, digits: int = 1) -> str:
    return f"{'-' if value is None else format(value, f'.{digits}f'):>8}"


def _share(value: float | None) -> str:
    return f"{'-' if value is None else format(value, '.0%'):>5}"
