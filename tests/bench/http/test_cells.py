"""The arithmetic of the request-path bench: from legs to cells, ratios and added latencies."""

from bench.http.cells import FailedLeg, Leg, Load, added_latencies, cell, ratios
from bench.http.wrk import WrkFigures
from loadtest.harness.exposition import ServerCounts
from tests.bench.http.contract import HTTP_CELL

LOAD = Load("binary", 64, 2)
ALONE = Load("binary", 64, 1)


def leg(requests=100, errors=0, p50_ms=2.0, compute_ms=0.5):
    client = WrkFigures(requests, seconds=2.0, p50_ms=p50_ms, p99_ms=9.0, errors=errors)
    counts = ServerCounts(0, 0, 0, 0, batch_rows=80, batches=20)
    return Leg(client, cpu_s=1.0, server=counts, compute_ms=compute_ms)


def test_a_cell_holds_medians_and_all_errors():
    figures = cell("fff-serve", LOAD, [leg(1000), leg(4000, errors=2), leg(2000, errors=1)])

    assert figures.requests_per_s == 1000
    assert figures.rows_per_s == 64_000
    assert figures.cpu_ms_per_request == 0.5
    assert figures.rows_per_batch == 4
    assert figures.errors == 3
    assert set(figures.__slots__) >= HTTP_CELL


def test_failed_legs_are_errors_and_in_no_median():
    figures = cell("slow", LOAD, [leg(100), FailedLeg("nobody came"), leg(300)])

    assert (figures.requests_per_s, figures.errors) == (100, 1)
    assert figures.fault == "binary, 64 row(s), 2 connection(s): 1 of 3 legs failed: nobody came"
    assert cell("slow", LOAD, [FailedLeg("")] * 3).errors == 3
    assert cell("slow", LOAD, [leg(1)]).fault is None


def test_a_ratio_compares_legs_of_the_same_round():
    legs = {
        ("ours", LOAD): [leg(400), leg(1000), leg(900)],
        ("theirs", LOAD): [leg(200), leg(250), leg(300)],
    }

    (ratio,) = ratios(legs, "ours")

    assert (ratio.lowest, ratio.ratio, ratio.highest) == (2, 3, 4)
    assert (ratio.server, ratio.form, ratio.rows) == ("theirs", "binary", 64)


def test_a_round_with_a_failed_leg_is_in_no_ratio():
    legs = {("ours", LOAD): [leg(100), leg(400)], ("slow", LOAD): [FailedLeg(""), leg(200)]}

    (ratio,) = ratios(legs, "ours")

    assert (ratio.lowest, ratio.ratio, ratio.highest) == (2, 2, 2)
    assert ratios(legs | {("slow", LOAD): [FailedLeg("")] * 2}, "ours") == []


def test_added_latency_is_what_compute_and_floor_leave_of_the_round_trip():
    ours = [leg(p50_ms=p50_ms) for p50_ms in (3.0, 2.0, 9.0)]
    floor = [leg(p50_ms=p50_ms, compute_ms=None) for p50_ms in (1.0, 0.5, 7.0)]

    (added,) = added_latencies({("ours", ALONE): ours, ("floor", ALONE): floor}, "ours", "floor")

    assert added.added_ms == 1.5
    assert (added.round_trip_ms, added.compute_ms, added.floor_ms) == (3.0, 0.5, 1.0)


def test_a_round_with_a_failed_leg_is_in_no_latency():
    legs = {("ours", ALONE): [leg(), leg()], ("floor", ALONE): [leg(), FailedLeg("")]}

    (added,) = added_latencies(legs, "ours", "floor")

    assert (added.added_ms, added.floor_ms) == (-0.5, 2.0)
    assert added_latencies(legs | {("floor", ALONE): [FailedLeg("")] * 2}, "ours", "floor") == []
