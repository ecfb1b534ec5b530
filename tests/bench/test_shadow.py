"""The shadow's bench: its arithmetic, and a quick run where wrk is installed."""

import json
import shutil

import pytest
import torch

from bench.overhead import shadow
from bench.overhead.shadow_legs import ShadowLeg
from tests.requirements import need


def test_ratios_are_of_legs_of_the_same_round_and_the_spread_is_of_those_without():
    legs = [
        (ShadowLeg(1000, 1.0, 4.0, 0), ShadowLeg(500, 2.0, 8.0, 1, 10, 20)),
        (ShadowLeg(2000, 1.0, 2.0, 2), ShadowLeg(1000, 2.0, 4.0, 0, 1, 2, 7.0, 0.9)),
    ]

    found = shadow.summary(legs)

    assert found["requests_per_s_ratio"] == 0.5
    assert found["p50_ms_ratio"] == found["p99_ms_ratio"] == found["p99_off_spread"] == 2.0
    assert (found["errors"], found["shadow_rows"], found["shadow_dropped_rows"]) == (3, 11, 22)
    assert (found["speedup"], found["agreement"]) == (7.0, 0.9)


def test_a_quick_run_has_no_errors_and_rows_of_the_shadow(capsys, monkeypatch):
    need(shutil.which("wrk"), "wrk")
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)  # of this process, for good
    monkeypatch.setattr(shadow, "MAX_BATCH_ROWS", "4")  # little is left to compute after a leg

    code = shadow.main(["--rounds", "1", "--duration-s", "1", "--connections", "4"])

    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (code, found["errors"], len(found["legs"])) == (0, 0, 2)
    assert found["shadow_rows"] > 0
    off, on = found["legs"]
    assert (off["shadow_rows"], off["speedup"]) == (0, None)
    assert on["speedup"] > 1


def test_a_slip_of_a_finger_is_refused(capsys):
    with pytest.raises(SystemExit):
        shadow.main(["--rounds", "500"])
    assert "must be 1 to 50" in capsys.readouterr().err
