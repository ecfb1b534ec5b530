"""The bench of counting: its arithmetic."""

from bench.overhead.counting import ALL, NOTHING, USUAL, CountingLeg, ratios


def legs(service, *rates):
    return [
        CountingLeg(service, rows, rate / rows, 1.0, 1.0, 0) for rate in rates for rows in (1, 64)
    ]


def test_a_ratio_is_over_the_service_that_counts_nothing_in_the_same_round():
    measured = [*legs(NOTHING, 100, 200, 400), *legs(USUAL, 90, 100, 400), *legs(ALL, 50, 100, 400)]

    assert ratios(measured) == {USUAL: {1: 0.9, 64: 0.9}, ALL: {1: 0.5, 64: 0.5}}
