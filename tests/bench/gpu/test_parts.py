"""
The parts of `bench.gpu` without a GPU: complete, in time by a model's clock, and right.

How long a rehearsed run takes is the sum of its modelled parts; the host's own work is in there as
far as it is modelled, and no clock on a wall is read.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench.gpu import check, part, sanitizer
from bench.gpu.__main__ import _contract
from bench.gpu.grid import BATCHES, LAYERS, Grid
from bench.gpu.journal import Fields, Journal, read
from bench.gpu.parts import PARTS, Context
from bench.gpu.plans import ALL, BENCH, CALLS, CHECK_TUNED, SERVICE, Plan
from bench.gpu.processes import Ended
from bench.gpu.rehearsal import START_S, Rehearsal
from bench.gpu.runner import MARGIN_S
from bench.gpu.table import table
from bench.gpu.target import Limits
from bench.gpu.tune import FILE, read_tuning
from fff.kernels.gpu.tuning import DEFAULT_TUNING, Tuning

ROOT = Path(__file__).parents[3]
IMPORTS_S = 6.0  # of torch, triton and the parts, in a process of their own; guessed
KERNEL_CELL = (  # of contract.md
    *("device", "dtype", "in", "out", "leaf", "depth", "batch", "routing"),
    *("ours_us", "dense_us", "gather_us", "moe_us", "ratio_dense", "ratio_gather"),
    *("gflops", "sgemm_gflops", "fraction_of_ceiling"),
)


@pytest.fixture(autouse=True)
def _no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what parts run beside themselves: it has tests of its own."""
    monkeypatch.setattr(sanitizer, "_run", lambda tool, ended: None)
    for module in ("sanitizer", "device_tests"):
        monkeypatch.setattr(f"bench.gpu.{module}.run", lambda *a: Ended(0, "", True))


def rehearse(name: str, out: Path, limit_s: float) -> float:
    """Run one part; returns the seconds it takes by the model's clock."""
    device = Rehearsal(sleeps=False)
    device.takes(IMPORTS_S + START_S)
    context = Context(device, Journal(out / "lines.jsonl", name), out, None)
    with torch.no_grad():
        assert part.rehearse(name, context, limit_s)
    return device.now_s()


def rehearse_plan(plan: Plan, out: Path) -> float:
    """Run a plan's parts but the service's, which has its own limit; returns seconds."""
    seconds = 0.0
    for stage in plan.stages:
        took = []
        for name, limit_s in stage.items():
            left_s = min(limit_s, plan.limit_s - MARGIN_S - seconds)
            # What is late is ended.
            took.append(left_s if name == SERVICE else min(left_s, rehearse(name, out, left_s)))
        seconds += max(took)
    return seconds


@pytest.mark.parametrize("call", CALLS)
def test_a_run_ends_before_its_limit_with_all_its_steps(call: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"leaf_warps": 8}')  # so that there is something to check

    seconds = rehearse_plan(CALLS[call], tmp_path)

    lines = read(tmp_path / "lines.jsonl")
    left_out = {"transformers"} | {"compiled"} if call == "2" else {"transformers"}
    assert seconds < CALLS[call].limit_s
    for line in lines:
        assert "error" not in line, line
        assert set(line.get("errors", ())) <= left_out, line
        assert "skipped" not in line or line["part"] in ("sanitizer", "compiled"), line


def test_everything_ends_before_its_limit(tmp_path: Path) -> None:
    assert rehearse_plan(ALL, tmp_path) < ALL.limit_s


@pytest.mark.parametrize("plan", [*CALLS.values(), ALL, BENCH])
def test_no_part_can_take_the_time_of_a_later_one(plan: Plan) -> None:
    known = {*PARTS, SERVICE}
    but_the_last = [max(stage.values()) for stage in plan.stages[:-1]]

    assert sum(but_the_last) < plan.limit_s
    assert {name for stage in plan.stages for name in stage} <= known


@pytest.mark.parametrize("name", ["grid", "kernels", "million", "rivals", "tune"])
def test_no_kernel_is_compiled_while_the_part_measures(name: str, tmp_path: Path) -> None:
    device = Rehearsal(sleeps=False)
    context = Context(device, Journal(tmp_path / "lines.jsonl", name), tmp_path, None)

    assert part.rehearse(name, context, 1e9)

    assert device.compiled_late == []


def test_a_rival_that_broke_the_device_is_not_tried_again(tmp_path: Path) -> None:
    Journal(tmp_path / "lines.jsonl", "grid").write(
        "cell", broken="gather", error="illegal address"
    )

    rehearse("rivals", tmp_path, 1e9)

    cells = [line for line in read(tmp_path / "lines.jsonl") if line.get("weights") == "warm"]
    assert {cell["errors"]["gather"] for cell in cells} == {"broke the device before"}
    assert all(cell["gather_us"] is None and cell["gather_routed_us"] for cell in cells)


def test_the_grid_is_complete(tmp_path: Path) -> None:
    names = [s.name for s in Grid(Rehearsal(False), Limits(), DEFAULT_TUNING).steps()]

    assert len(set(names)) == len(names) == 1 + 2 * len(LAYERS) * len(BATCHES) + 6 == 115
    for batch in (1, 8, 32, 128, 512, 4096):
        assert f"4096->4096 l64 d11 bfloat16 B{batch} cold" in names


def test_the_last_line_has_the_fields_that_others_rely_on(tmp_path: Path) -> None:
    rehearse("grid", tmp_path, 1e9)
    lines = read(tmp_path / "lines.jsonl")

    cells = _contract(lines)["cells"]

    assert len(cells) == 114
    assert all(set(KERNEL_CELL) <= set(cell) for cell in cells)
    assert all(cell["ratio_dense"] > 0 for cell in cells)
    assert len(table(lines)) < 10_000  # of the 12,000 characters that are seen at once


@pytest.fixture
def context(tmp_path: Path) -> Context:
    (tmp_path / "before").mkdir()
    (tmp_path / "before" / FILE).write_text('{"leaf_warps": 8}')
    journal = Journal(tmp_path / "lines.jsonl", "grid")
    return Context(Rehearsal(False), journal, tmp_path, tmp_path / "before")


def test_launches_that_an_earlier_run_chose_are_used(context: Context, tmp_path: Path) -> None:
    assert context.chosen == Tuning(leaf_warps=8)

    (tmp_path / FILE).write_text('{"leaf_warps": 2}')

    assert context.chosen == Tuning(leaf_warps=2)


@pytest.mark.parametrize("found", [{"ok": False}, {"error": "illegal address"}])
def test_launches_that_failed_their_check_are_not(context: Context, found: Fields) -> None:
    Journal(context.out / "lines.jsonl", CHECK_TUNED).write("784->10", **found)

    assert context.chosen == DEFAULT_TUNING
    assert context.proposed == Tuning(leaf_warps=8)


def test_limits_are_those_that_were_measured_last(context: Context, tmp_path: Path) -> None:
    assert context.limits == Limits()
    rehearse("limits", tmp_path / "before", 1e9)

    assert context.limits.hbm_bytes_s == pytest.approx(2.8e12)


def test_without_a_file_the_launches_are_the_default_ones(tmp_path: Path) -> None:
    assert read_tuning(None) == read_tuning(tmp_path / FILE) == DEFAULT_TUNING


def test_a_check_that_is_rehearsed_has_the_steps_of_a_real_one(tmp_path: Path) -> None:
    rehearse("check", tmp_path, 1e9)

    names = [line["step"] for line in read(tmp_path / "lines.jsonl")]

    real = [step.name for step in check.steps(torch.device("cuda"), DEFAULT_TUNING)]
    assert names == ["compile", *real]
    assert len(real) == len(check.CASES) * len(check.DTYPES) + 4


def test_the_parts_compute_what_they_time_in_the_interpreter() -> None:
    """All that a rehearsal leaves out, on layers that Triton's interpreter can compute."""
    file = "tests/bench/gpu/parts_on_a_stand_in.py"

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", file],
        env={**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
