"""The settings of the serving frameworks: which are tried, how they are passed and compared."""

from typing import Any

import pytest

from bench.http import peers as http_peers
from bench.http import tuning as http_tuning
from bench.http.cells import FailedLeg, Leg, Load
from bench.http.peers import PEERS
from bench.http.sides import Server
from bench.http.wrk import WrkFigures
from bench.peers.settings import OWN_SETTINGS, SETTINGS, best_settings, own_settings

NO_PROCESS: Any = None  # the legs are made up
LOADS = [Load("json", 1, 1), Load("json", 1, 64)]


def leg(requests):
    return Leg(WrkFigures(requests, 1.0, p50_ms=1.0, p99_ms=1.0, errors=0), cpu_s=1.0)


def compare(legs_of_other):
    servers = [Server(name, NO_PROCESS, {}) for name in ("used", "other")]
    legs = {("used", load): [leg(100), leg(200), leg(400)] for load in LOADS}
    legs |= {("other", load): each for load, each in zip(LOADS, legs_of_other, strict=True)}
    (result,) = http_tuning._compare(legs, servers, LOADS)
    return result


def test_settings_are_compared_round_by_round_with_those_in_use():
    result = compare([[leg(400), leg(800), leg(400)], [leg(100), leg(200), leg(200)]])

    assert result["settings"] == "other"
    assert [each["ratio"] for each in result["ratios"]] == [4, 1]
    assert (result["ratios"][0]["lowest"], result["ratios"][0]["highest"]) == (1, 4)
    assert result["mean"] == pytest.approx(2)  # geometric: 4 and 1


def test_settings_under_which_nothing_is_answered_have_no_ratio_there():
    result = compare([[FailedLeg("")] * 3, [leg(300), leg(600), leg(1200)]])

    assert [each["connections"] for each in result["ratios"]] == [64]
    assert compare([[FailedLeg("")] * 3] * 2)["mean"] is None


def test_every_framework_has_settings_and_all_of_one_name_the_same_knobs():
    assert SETTINGS.keys() == PEERS.keys()
    for several in SETTINGS.values():
        assert all(each.keys() == several[0].keys() for each in several)
        assert len({tuple(each.values()) for each in several}) == len(several)


@pytest.mark.parametrize("settings", [None, {"max_batch_size": 7}], ids=["its best", "others"])
def test_a_frameworks_process_is_told_its_settings(settings, monkeypatch, tmp_path):
    process = http_peers.process("mosec", tmp_path, "bench", settings)

    monkeypatch.setenv(OWN_SETTINGS, process._environment[OWN_SETTINGS])
    assert own_settings() == (settings or best_settings("mosec"))


def test_what_is_not_installed_is_said(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(http_peers, "ENVIRONMENTS", tmp_path)

    assert http_tuning.main(["mlserver"]) == 1
    assert capsys.readouterr().err == "bench.http.tuning: mlserver is not installed: `make peers`\n"
