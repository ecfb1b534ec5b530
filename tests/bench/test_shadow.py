"""The shadow's bench: its arithmetic, and a quick run where wrk is installed."""

import json
import shutil

import pytest

from bench.overhead import shadow
from bench.overhead.shadow_legs import ShadowLeg
from tests.requirements import need


def test_ratios_are_of_legs_of_the_same_round_and_the_spread_is_of_those_without():
    legs = [
        (ShadowLeg(1000, 1.0, 4.0, 0), ShadowLeg(500, 2.0, 8.0, 1, 10, 20)),
        (ShadowLeg(2000, 1.0, 2.0, 2), ShadowLeg(1000, 2.0, 4.0, 0, 1, 2, 7.0, 0.9)),
    ]

    figures = shadow.summary(legs)

    assert figures["requests_per_s_ratio"] == 0.5
    assert figures["p50_ms_ratio"] == figures["p99_ms_ratio"] == figures["p99_off_spread"] == 2.0
    assert (figures["errors"], figures["shadow_rows"]) == (3, 11)
    assert figures["shadow_dropped_rows"] == 22
    assert (figures["speedup"], figures["agreement"]) == (7.0, 0.9)


def test_a_quick_run_has_no_errors_and_rows_of_the_shadow(capsys, monkeypatch):
    need(shutil.which("wrk"), "wrk")
    monkeypatch.setattr(shadow, "MAX_BATCH_ROWS", "4")  # little is left to compute after a leg
    monkeypatch.setattr(shadow, "SLOWER", 3)

    code = shadow.main(["--rounds", "1", "--duration-s", "1", "--connections", "1"])

    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (code, report["errors"], len(report["legs"])) == (0, 0, 2)
    assert report["shadow_rows"] > 0
    off, on = report["legs"]
    assert (off["shadow_rows"], off["speedup"]) == (0, None)
    assert on["speedup"] > 1


def test_a_slip_of_a_finger_is_refused(capsys):
    with pytest.raises(SystemExit):
        shadow.main(["--rounds", "500"])
    assert "must be 1 to 50" in capsys.readouterr().err
