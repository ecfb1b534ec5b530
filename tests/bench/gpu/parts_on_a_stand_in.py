"""
The parts of `bench.gpu` as a GPU would run them, kernels in Triton's interpreter.

Started by `test_parts.py` in a process with `TRITON_INTERPRET=1`: all that a rehearsal leaves out
but CUDA itself, on layers that the interpreter can compute.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.gpu import (
    check,
    compiled_dense,
    cuda_device,
    device,
    grid,
    kernels,
    limits,
    million,
    tune,
)
from bench.gpu.ahead import Job
from bench.gpu.cuda_device import Gpu
from bench.gpu.journal import Fields, Journal
from bench.gpu.limit_kernels import read
from bench.gpu.steps import Step, run_steps
from bench.gpu.target import Limits
from bench.networks import Shape
from fff.kernels.gpu import graphs
from fff.kernels.gpu.tuning import DEFAULT_TUNING, Tuning
from tests.fff.kernels.gpu.interpreter import patched_once_a_launch
from tests.fff.kernels.gpu.stand_in import Runtime, cuda_on_the_cpu

# The interpreter computes with numpy, which warns of infinities that a GPU makes in silence.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
TINY, SQUARE = Shape(24, 10, 8, 2), Shape(16, 16, 8, 3)
# Rows are sorted, and walk level by level, from 2 on: the interpreter takes 10 ms a row.
FEW_ARE_MANY = Tuning(unsorted_rows=1, narrow_rows=1)


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    def compile_ahead(gpu: Gpu, jobs: Iterable[Job], limit_s: float) -> dict[str, Any]:
        return {"jobs": len(list(jobs))}

    monkeypatch.setattr(Gpu, "compile_ahead", compile_ahead)
    monkeypatch.setattr(device, "MOST_CALLS", 3)
    monkeypatch.setattr(device, "FEW_CALLS", 2)
    monkeypatch.setattr(device, "_REPLAYS", (2, 3))
    monkeypatch.setattr(device, "_QUICK_REPLAYS", (1, 2))
    monkeypatch.setattr(cuda_device, "_FLUSH_BYTES", 1 << 12)
    monkeypatch.setattr(graphs, "MOST_ROWS", 8)
    with patched_once_a_launch(), cuda_on_the_cpu() as runtime, torch.no_grad():
        yield runtime


def run(part: str, steps: Iterable[Step], out: Path, gpu: Gpu | None = None) -> list[Fields]:
    """Lines of the part, none of which may be of a failure."""
    journal = Journal(out / "lines.jsonl", part)

    assert run_steps(steps, journal, gpu or Gpu(), ends_s=float("inf"))

    lines = journal.lines()
    assert [line for line in lines if "error" in line or "errors" in line] == []
    return lines


@pytest.mark.parametrize(("shape", "dtype"), [(TINY, "bfloat16"), (SQUARE, "float32")])
def test_every_side_of_a_cell_is_timed_and_agrees(
    shape: Shape, dtype: str, runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grid, "ONE_LEAF", ((TINY, "bfloat16"),))
    monkeypatch.setattr(grid, "ONE_LEAF_ROWS", 5)
    steps = grid.Grid(Gpu(), Limits(), FEW_ARE_MANY).steps([(shape, dtype)], (1, 5))

    lines = [line for line in run("grid", steps, tmp_path) if "in" in line]

    assert len(lines) == 4 + (shape == TINY)
    for line in lines:
        sides = {name.removesuffix("_us") for name in line if name.endswith("_us") and line[name]}
        assert {"ours", "dense", "dense_narrow", "moe", "gather_routed"} <= sides
        assert line["ratio_dense"] == line["dense_us"] / line["ours_us"]
        warm = line["weights"] == "warm"
        assert ({"gather", "moe2", "ours_wall"} <= sides) == warm
        assert ("dense_tf32" in sides) == (dtype == "float32")
        assert ("grouped_mm" in sides) == (dtype == "bfloat16")
        if warm:
            assert len(line["dense_forms_us"]) == 4
            most = 1 if line["routing"] == "single-leaf" else 2**shape.d
            assert 1 <= line["leaves_touched"] <= most
            assert line["gather_routed_differs"] < 0.02


def test_the_time_of_each_kernel_is_found(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "LAYERS", (TINY,))
    monkeypatch.setattr(kernels, "BATCHES", (1, 5))

    lines = run("kernels", kernels.steps(Gpu(), Limits(), FEW_ARE_MANY), tmp_path)

    assert all({"route_us", "rank_us", "leaves_us"} <= set(line) for line in lines[1:])


def test_the_sweep_ends_with_choices_that_change_no_bit(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune, "LAYERS", (TINY,))
    monkeypatch.setattr(tune, "BATCHES", (2, 3))
    monkeypatch.setattr(tune, "SWEEP", [(n, v[-1:], (2, 3)) for n, v, _ in tune.SWEEP])
    monkeypatch.setattr(tune, "NARROW", ("narrow_rows", (2, 3)))
    monkeypatch.setattr(tune, "UNSORTED", ("unsorted_rows", (2, 3)))

    lines = run("tune", tune.steps(Gpu(), tmp_path), tmp_path)

    assert {"narrow_rows", "unsorted_rows", "leaf_warps"} <= {line["step"] for line in lines}
    assert tune.read_tuning(tmp_path / tune.FILE) == Tuning(**lines[-1]["tuning"])


def test_a_choice_that_changes_a_bit_is_out(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune, "BATCHES", (2,))
    bench, fields = tune.Bench(Gpu(), tmp_path / tune.FILE), Fields()
    tune._default(fields, bench, TINY)
    key = next(iter(bench.truth))
    bench.truth[key][0][0, 0] += 1

    found = bench.measure(fields, DEFAULT_TUNING, [key])

    assert not found
    assert "BitsDiffer" in str(fields["errors"])


def test_a_layer_too_large_to_copy_is_drawn_where_it_lies(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(million, "LAYERS", ((SQUARE, "bfloat16"),))
    monkeypatch.setattr(million, "BATCHES", (1, 8))
    monkeypatch.setattr(million, "MOST_ROWS", 4)

    lines = run("million", million.Million(Gpu(), Limits(), DEFAULT_TUNING).steps(), tmp_path)

    assert all(line["bandwidth_share"] > 0 and line["ratio_dense"] for line in lines[1:])


def test_every_limit_is_found(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {
        **{"_FEW": 1, "_MANY": 3, "_HOPS": 5, "_L2_BYTES": 1 << 10, "_HBM_BYTES": 1 << 12},
        **{"_READ_L2_BYTES": 1 << 10, "_READ_HBM_BYTES": 1 << 12, "_TURNS": 3},
        **{"_BLOCK": 64, "_PROGRAMS": 2, "_GEMM": 8, "_GEMM_FLOAT32": 8},
    }
    for name, value in small.items():
        monkeypatch.setattr(limits, name, value)
    journal = Journal(tmp_path / "lines.jsonl", "limits")

    lines = run("limits", limits.steps(Gpu(), journal), tmp_path)

    assert set(lines[-1]["assumed"]) == {"flops_direct", "grouped_share"}
    assert limits.found_in(lines) == Limits(**lines[-1]["limits"])


def test_the_walk_goes_through_every_line_of_its_memory() -> None:
    successor = limits._cycle(32 * 50, torch.device("cpu"))
    place, places = 0, []
    for _ in range(50):
        place = int(successor[place])
        places.append(place)

    assert sorted(places) == list(range(0, 32 * 50, 32))


def test_memory_is_read_turn_by_turn() -> None:
    words = torch.arange(256, dtype=torch.int32)
    sums = torch.zeros(3, dtype=torch.int32)

    read[(3,)](words, sums, 4, 5, BLOCK=64)

    assert int(sums.sum()) == 5 * int(words.sum())


def test_a_compiled_network_is_timed_like_another(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled_dense, "LAYERS", ((TINY, "bfloat16"),))
    monkeypatch.setattr(torch, "compile", lambda run, mode, dynamic: run)

    lines = run("compiled", compiled_dense.steps(Gpu()), tmp_path)

    assert all(line["dense_compiled_us"] > 0 for line in lines)


def test_the_check_passes_a_layer_that_is_right(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = (check.Case(TINY, 3, (0, 1, 5)),)
    monkeypatch.setattr(check, "CASES", cases)
    monkeypatch.setattr(check, "REPLAYS", 3)
    monkeypatch.setattr(check, "_captures", lambda fields, **given: fields.update(ok=True))

    lines = run("check", check.steps(torch.device("cuda"), FEW_ARE_MANY, cases), tmp_path)

    assert [line["step"] for line in lines if line["ok"] is not True] == []
