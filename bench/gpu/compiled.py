# mypy: allow-untyped-calls
"""
`python -m bench.gpu.compiled`: what a batch would run on a GPU, read off its machine code.

For four layers and four sizes of batch, every distinct kernel: registers, memory, how many of
its programs a multiprocessor holds, the kind of matrix product, barriers and reductions and
loads in its loops, atomics and fences; for the walk down the tree the round trips to memory
that a level waits for (`bench.gpu.waits`). Needs torch and triton, and no GPU.

Covered:      sm_90, by the assembler that Triton brings along; usual paths. A score that is
              computed again (`canonical_lines`) is counted by itself.
Not covered:  time; how often a loop turns; other assemblers, such as the driver's own.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import triton

from bench.gpu.compile_only import Compiled, batch, compile_only
from bench.gpu.layers import empty_tree
from bench.gpu.sass import Code, Instruction, Source, count
from bench.gpu.waits import Waits, waits, walk_of
from bench.networks import Cell, Shape
from fff.kernels.gpu import route

CASES = (  # a layer, and the type of its leaves
    (Shape(768, 768, 16, 8), "bfloat16"),
    (Shape(784, 10, 16, 6), "bfloat16"),
    (Shape(4096, 4096, 32, 9), "bfloat16"),
    (Shape(768, 768, 64, 6), "float32"),
)
BUCKETS = (1, 64, 512, 4096)
_KINDS = ("HGMMA", "HMMA", "QGMMA", "DMMA", "FFMA")  # of products, the widest first
_FENCES = ("MEMBAR", "ERRBAR", "CGAERRBAR", "CCTL")
_COLUMNS = (
    "kernel", "batch", "regs", "shared", "spill", "warps", "stages", "an SM", "product",
    "BAR in+out", "REDUX+SHFL in", "loads in", "atomics", "fences", "trips a level",
)  # fmt: skip


@dataclass(slots=True)
class Report:
    """
    One kernel.

    Attributes:
        shape: Of the layer.
        dtype: Of its leaves.
        kernel: Its machine code.
        code: The same, read.
        buckets: Batch sizes that launch it.
    """

    shape: Shape
    dtype: str
    kernel: Compiled
    code: Code
    buckets: list[int] = field(default_factory=list)

    @property
    def product(self) -> str:
        """The instruction of its products, with their widths and types; empty for none."""
        found = {i.opcode for i in self.code.of(self.code.graph)}
        kinds = [o for kind in _KINDS for o in sorted(found) if o.split(".")[0] == kind]
        return kinds[0] if kinds else ""

    @property
    def walk(self) -> Cell:
        """Round trips of the walk down the tree; empty if the kernel has none."""
        walk, hop = walk_of(self.code), self.kernel.constants.get("HOP")
        if walk is None:
            return {}
        cell: Cell = {"of_the_kernel": walk.is_whole, "turn": _waits_fields(walk.turn)}
        if walk.step:
            cell["step"] = _waits_fields(walk.step)
        if hop:
            cell["trips_a_level"] = round(walk.trips_a_level(hop, self.shape.d), 2)
        return cell

    @property
    def fields(self) -> Cell:
        """As plain values, for JSON."""
        kernel, code = self.kernel, self.code
        return self.shape.fields | {
            "dtype": self.dtype,
            "buckets": self.buckets,
            "kernel": kernel.name,
            "registers": kernel.registers,
            "spilled_bytes": kernel.spilled_bytes,
            "shared_bytes": kernel.shared_bytes,
            "warps": kernel.warps,
            "stages": kernel.stages,
            "programs_a_multiprocessor": kernel.resident,
            "product": self.product,
            "looped": _instruction_fields(code.looped),
            "straight": _instruction_fields(code.straight),
            "rare": _instruction_fields(code.rare),
            "loops": [
                _instruction_fields(code.of(loop.body)) | _waits_fields(waits(code, loop))
                for top in code.loops
                for loop in top.walk()
            ],
            "walk": self.walk,
        }

    @property
    def row(self) -> list[str]:
        """One line of the table, by `_COLUMNS`."""
        cell = self.fields
        looped, straight = cell["looped"], cell["straight"]
        return [
            cell["kernel"],
            ",".join(map(str, self.buckets)),
            *(str(cell[name]) for name in ("registers", "shared_bytes", "spilled_bytes")),
            *(str(cell[name]) for name in ("warps", "stages", "programs_a_multiprocessor")),
            self.product.removesuffix(".F32") or "-",
            f"{looped['barriers']}+{straight['barriers']}",
            f"{looped['redux']}+{looped['shuffles']}",
            " ".join(f"{n}x{width}" for width, n in looped["loads"].items()) or "-",
            str(looped["atomics"] + straight["atomics"]),
            str(looped["fences"] + straight["fences"]),
            str(cell["walk"].get("trips_a_level", "-")),
        ]


def reports() -> list[Report]:
    """One for every distinct kernel of every case, in order of launch."""
    rare = canonical_lines()
    made: dict[tuple[Shape, str, str], Report] = {}
    for shape, dtype in CASES:
        w = empty_tree(shape, torch.device("cpu"))
        for bucket in BUCKETS:
            for kernel in compile_only(batch(w, dtype, bucket)):
                key = shape, dtype, kernel.key
                if key not in made:
                    made[key] = Report(shape, dtype, kernel, Code(kernel.sass, rare))
                made[key].buckets.append(bucket)
    return list(made.values())


def canonical_lines() -> set[Source]:
    """Source lines of the canonical score, which few rows need."""
    function: Any = route.canonical_row_score
    first, lines = function.starting_line_number, function.raw_src
    return {(str(route.__file__), first + k) for k in range(len(lines))}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser("python -m bench.gpu.compiled", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object alone")
    options = parser.parse_args(arguments)
    versions = {"triton": triton.__version__, "torch": torch.__version__, "target": "sm_90"}
    found = reports()
    if options.json:
        print(json.dumps(versions | {"kernels": [report.fields for report in found]}))
    else:
        print(", ".join(f"{name} {version}" for name, version in versions.items()))
        _print_table(found)
    return 0


def _print_table(found: list[Report]) -> None:
    rows = [report.row for report in found]
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    case = None
    for report, row in zip(found, rows, strict=True):
        if case != (report.shape, report.dtype):
            case = report.shape, report.dtype
            i, o, l, d = (report.shape.fields[k] for k in ("in", "out", "leaf", "depth"))  # noqa: E741
            print(f"\n{i} -> {o}, l {l}, d {d}, {report.dtype}\n{_line(_COLUMNS, widths)}")
        print(_line(row, widths))


def _line(cells: Iterable[str], widths: list[int]) -> str:
    return "  ".join(c.ljust(width) for c, width in zip(cells, widths, strict=True)).rstrip()


def _instruction_fields(instructions: list[Instruction]) -> Cell:
    loads = Counter(f"{i.name}.{i.load_bits}" for i in instructions if i.load_bits)
    return {
        "instructions": len(instructions),
        "barriers": count(instructions, "BAR"),
        "redux": count(instructions, "REDUX"),
        "shuffles": count(instructions, "SHFL"),
        "loads": dict(sorted(loads.items())),
        "atomics": count(instructions, "ATOMG", "RED"),
        "fences": count(instructions, *_FENCES),
    }


def _waits_fields(found: Waits) -> Cell:
    late = sorted(f"{Path(file).name}:{line}" for file, line in found.late)
    return {"trips": found.trips, "late_loads": late}


if __name__ == "__main__":
    sys.exit(main())
