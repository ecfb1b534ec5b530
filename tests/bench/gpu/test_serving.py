"""The service's part of a run on a GPU, rehearsed on a CPU."""

import json
import os
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.gpu.serving.__main__ import main
from bench.gpu.serving.part import Plan, serve_part
from bench.http.model import MODEL

STEPS = {"ready", "described", "published", "loads at once", "lost device", "no memory"}
STEPS |= {"shadow", "no wait", "SIGTERM", "end"}


def run(folder: Path, plan: Plan, limit_s: float) -> dict[str, dict[str, Any]]:
    records: dict[str, dict[str, Any]] = {}

    def record(step: str, **fields: Any) -> None:
        assert step not in records
        records[step] = json.loads(json.dumps(fields, default=str))

    serve_part(record, time.monotonic() + limit_s, folder, plan)
    return records


def children() -> list[psutil.Process]:
    return psutil.Process(os.getpid()).children(recursive=True)


def test_every_step_succeeds_on_a_cpu_and_nothing_goes_on_running(tmp_path):
    plan = Plan("cpu", connections=(2, 1), leg_s=0.2, loaded=(MODEL,), images=300)

    records = run(tmp_path, plan, limit_s=300)

    assert records.keys() > STEPS
    assert {name: r for name, r in records.items() if "error" in r} == {}
    for side in ("ours", "cpu"):
        leg = records[f"load {MODEL}, 2 connections, {side}"]
        assert leg["p99_ms"] >= leg["p50_ms"] > 0
        assert leg["rows_per_s"] > 0
    assert records["described"]["models"][MODEL]["backend"] == "numba"
    assert records["lost device"]["code"] == 1
    codes = {name: s["code"] for name, s in records["end"]["services"].items()}
    assert codes.pop("lost") == 1
    assert {*codes.values()} == {0}
    assert children() == []


def test_after_the_deadline_nothing_is_begun(tmp_path):
    records = run(tmp_path, Plan("cpu"), limit_s=0)

    assert {record.get("skipped") for name, record in records.items() if name != "end"} == {
        "deadline"
    }
    assert records["end"]["services"] == {}


def test_a_service_that_does_not_come_up_costs_its_own_steps_and_the_others_go_on(
    tmp_path, monkeypatch
):
    """Here none does: each step says why, and the end is reached."""
    monkeypatch.setenv("FFF_LOG_LEVEL", "loud")
    monkeypatch.setattr("bench.gpu.serving.models.find_shared", lambda: None)

    records = run(tmp_path, Plan("cpu", connections=(1,), leg_s=0.1, loaded=(MODEL,)), 120)

    assert records.keys() > STEPS
    assert "setting log_level (FFF_LOG_LEVEL)" in records["described"]["error"]
    assert "error" in records["SIGTERM"]
    assert records["published"]["skipped"]
    assert {s["code"] for s in records["end"]["services"].values()} == {2}


def test_the_command_appends_a_line_a_step_and_fails_if_one_did(tmp_path, capsys):
    out = tmp_path / "lines"
    out.write_text('{"part": "before"}\n')

    code = main([str(out), "--device", "cpu", "--seconds", "0"])

    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert code == 0
    assert lines[0] == {"part": "before"}
    assert {line["part"] for line in lines[1:]} == {"serving"}
    assert "skipped" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["out", "--device", "tpu"]])
def test_a_slip_of_a_finger_is_refused(arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
