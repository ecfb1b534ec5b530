"""The report's arithmetic."""

from collections import Counter

import pytest

from loadtest.harness.exposition import ServerCounts
from loadtest.locust_leg import ClientCounts, client_counts
from loadtest.report import SideLeg, errors, percentile, pool, pool_sides

HEADER = "Method,Name,Error,Occurrences\n"


def leg(side="fff", requests=100, failures=0, seconds=1.0, times=None, batches=10.0):
    client = ClientCounts(
        requests,
        failures,
        seconds,
        Counter(times or {2.0: requests}),
        Counter({"status 413": failures} if failures else {}),
        generator_cpu_s=seconds / 4,
    )
    server = ServerCounts(0.2, 100.0, 0.03, batches, 100.0, batches)
    return SideLeg(side, "digits", client, server)


@pytest.mark.parametrize(("share", "value"), [(0.5, 1.0), (0.51, 7.5), (0.95, 7.5), (0.96, 90.0)])
def test_a_percentile_is_the_smallest_value_that_covers_its_share(share, value):
    counts = Counter({7.5: 45, 1.0: 50, 90.0: 5})

    assert percentile(counts, share) == value


def test_legs_are_pooled_not_averaged():
    side = pool([leg(requests=100), leg(requests=300, seconds=3.0, times={8.0: 300})], rows=4)

    assert side.requests_per_s == 100
    assert side.rows_per_s == 400
    assert side.p50_ms == 8.0
    assert side.queue_ms == pytest.approx(2.0)
    assert side.compute_ms == pytest.approx(3.0)
    assert side.rows_per_batch == 10
    assert side.generator_cpu_share == 0.25


def test_the_spread_of_the_legs_stands_beside_the_rate():
    side = pool([leg(requests=100), leg(requests=50)], rows=1)

    assert (side.slowest_leg_requests_per_s, side.fastest_leg_requests_per_s) == (50, 100)


def test_failed_requests_give_no_rows_and_keep_their_text():
    legs = [leg(requests=100, failures=40), leg(side="dense")]
    dense, fff = pool_sides(legs, rows=2)

    assert (dense.failures, fff.failures) == (0, 40)
    assert fff.rows_per_s == 120
    assert errors(legs) == {"status 413": 40}


def test_locusts_own_statistics_are_read(tmp_path):
    failures = tmp_path / "leg_failures.csv"
    failures.write_text(HEADER + 'POST,digits,"status 429: queue, full",3\n')
    entry = {
        "num_requests": 5,
        "num_failures": 3,
        "start_time": 10.0,
        "last_request_timestamp": 12.5,
        "response_times": {"1.25": 2, "40": 3},
    }

    counts = client_counts([entry], failures, generator_cpu_s=1.5)

    assert (counts.requests, counts.failures, counts.seconds) == (5, 3, 2.5)
    assert counts.response_ms == {1.25: 2, 40.0: 3}
    assert counts.errors == {"status 429: queue, full": 3}
    assert counts.generator_cpu_s == 1.5
