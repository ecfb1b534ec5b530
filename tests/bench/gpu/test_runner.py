"""Each part has a process and a time of its own, whatever becomes of another."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.gpu import runner
from bench.gpu.__main__ import main
from bench.gpu.journal import Fields, read
from bench.gpu.plans import Plan
from bench.gpu.processes import run
from bench.gpu.runner import Run, run_plan

ROOT = Path(__file__).parents[3]
# Arguments: file, part, what becomes of it.
PROGRAM = """
import json, os, signal, sys, time
file, part, fate, *more = sys.argv[1:]
def say(**fields):
    with open(file, "a") as out: out.write(json.dumps({"part": part, **fields}) + "\\n")
begun = sum(line["part"] == part and "begun" in line for line in map(json.loads, open(file)))
say(step=f"begin {begun}", begun=True, crashed="--crashed" in more)
if fate == "hangs": time.sleep(60)
if fate == "crashes" and begun == 0: os.kill(os.getpid(), signal.SIGKILL)
if fate == "loses" and begun == 0: sys.exit(3)
if fate == "ignores": signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)
say(step="done")
"""


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Plan], list[Fields]]:
    """Run a plan whose parts do what they are named by; returns the lines."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    start = subprocess.Popen

    def popen(command: list[str], **options: object) -> object:
        part, more = command[3], command[5:]
        return start([sys.executable, str(program), str(file), part, part, *more], **options)  # type: ignore[call-overload]

    file = tmp_path / "lines.jsonl"
    monkeypatch.setattr("bench.gpu.runner.subprocess.Popen", popen)
    monkeypatch.setattr(runner, "state", lambda: "")
    monkeypatch.setattr(runner, "MARGIN_S", 0.1)
    monkeypatch.setattr(runner, "_GRACE_S", 0.5)
    monkeypatch.setattr("bench.gpu.runner.signal.signal", lambda *a: None)

    def begun(plan: Plan) -> list[Fields]:
        run_plan(plan, Run(file))
        return read(file)

    return begun


def steps(lines: list[Fields], part: str) -> list[str]:
    return [line["step"] for line in lines if line["part"] == part]


@pytest.mark.parametrize("fate", ["hangs", "ignores"])
def test_a_part_that_hangs_is_ended_and_the_next_one_runs(
    begin: Callable[[Plan], list[Fields]], fate: str
) -> None:
    lines = begin(Plan(30, ({fate: 1.5}, {"works": 10})))

    assert steps(lines, fate) == ["begin 0", "end"]
    assert steps(lines, "works") == ["begin 0", "done"]


@pytest.mark.parametrize(("fate", "crashed"), [("crashes", True), ("loses", False)])
def test_a_part_whose_process_ended_is_begun_again(
    begin: Callable[[Plan], list[Fields]], fate: str, crashed: bool
) -> None:
    lines = begin(Plan(30, ({fate: 20}, {"works": 10})))

    assert steps(lines, fate) == ["begin 0", "end", "begin 1", "done"]
    assert [line["crashed"] for line in lines if line["step"] == "begin 1"] == [crashed]
    assert steps(lines, "works") == ["begin 0", "done"]


def test_parts_of_a_stage_run_beside_each_other(begin: Callable[[Plan], list[Fields]]) -> None:
    lines = begin(Plan(30, ({"works": 10, "hangs": 2.0},)))

    assert {*steps(lines, "works")} == {"begin 0", "done"}
    assert steps(lines, "hangs") == ["begin 0", "end"]


def test_no_part_begins_when_the_runs_time_is_over(begin: Callable[[Plan], list[Fields]]) -> None:
    lines = begin(Plan(1.6, ({"hangs": 60}, {"works": 10})))

    assert steps(lines, "works") == []
    assert [line for line in lines if line.get("skipped") == "deadline"]


def test_a_program_that_is_late_says_how_far_it_came() -> None:
    # A shell's background jobs ignore the signal, and so would what they start.
    program = "import signal, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    program += "try:\n  print('begun', flush=True); time.sleep(60)\n"
    program += "except KeyboardInterrupt:\n  print('interrupted')"

    ended = run([sys.executable, "-c", program], 2.0, {})

    assert not ended.in_time
    assert ended.tail == "begun\ninterrupted\n"


def test_a_program_that_ends_in_time_is_left_alone() -> None:
    ended = run(
        [sys.executable, "-c", "import os; print(os.environ['A']); exit(7)"], 60, {"A": "b"}
    )

    assert (ended.code, ended.tail, ended.in_time) == (7, "b\n", True)


def test_without_a_gpu_the_bench_says_so_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("bench.gpu.__main__._has_gpu", lambda: False)

    for arguments in ([], ["--all", str(tmp_path / "out")], ["--call", "1", str(tmp_path / "out")]):
        assert main(arguments) == 1
        output = capsys.readouterr()
        assert output.err == "bench.gpu: no CUDA device is present; nothing was measured\n"
        assert not output.out
    assert not (tmp_path / "out").exists()


def test_results_are_never_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "call1.jsonl").write_text("{}\n")

    assert main(["--rehearse", "--call", "1", str(tmp_path)]) == 2
    assert "holds results already" in capsys.readouterr().err


def test_a_rehearsal_writes_what_a_run_writes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.gpu", "--rehearse", "--part", "limits", str(tmp_path)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stderr
    assert "REHEARSED" in done.stdout
    lines = read(tmp_path / "limits.jsonl")
    assert [line["step"] for line in lines if "limits" in line] == ["limits"]
    assert next(line["machine"]["torch"] for line in lines if "machine" in line)
    assert json.loads((tmp_path / "limits.jsonl").read_text().splitlines()[0])["rehearsed"] is True
