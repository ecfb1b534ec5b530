"""The frontier in a sentence, on points that nobody measured."""

import re
from collections.abc import Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from evaluation.report.frontier import MEASURES, clearly_more_accurate, frontier
from evaluation.report.points import Point
from evaluation.report.sentences import LEAST_SPAN, sentence, stretches
from tests.evaluation.report.made_up import point, some_points

BY_TIME, _, _, BY_FLOPS, BY_BYTES = MEASURES


@given(points=some_points)
def test_a_sentence_names_every_family_of_its_frontier_and_says_if_no_fff_is_there(
    points: list[Point],
) -> None:
    text = sentence(points, BY_FLOPS)
    found = frontier(points, BY_FLOPS)

    if len({p.family for p in points}) > 1:
        assert {each.family for each in found} <= set(re.findall(r"\w+", text))
        assert ("No FFF" in text) == all(not each.is_fff for each in found)


def test_fff_everywhere() -> None:
    points = [point("fff", 200, 0.95), point("fff", 400, 0.97), point("dense", 500, 0.96)]

    assert sentence(points, BY_FLOPS) == "By FLOPs a row: fff is most accurate at every cost."


def test_fff_nowhere() -> None:
    points = [point("dense", 200, 0.95), point("low_rank", 400, 0.97), point("fff", 500, 0.96)]

    assert sentence(points, BY_FLOPS) == (
        "By FLOPs a row: up to 400 FLOPs a row dense is most accurate; from there on low_rank. "
        "No FFF is on this frontier: each is beaten at its cost."
    )


def test_fff_in_the_middle() -> None:
    points = [point("dense", 2000, 0.95), point("fff", 4800, 0.97), point("dense", 60_000, 0.98)]

    assert sentence(points, BY_BYTES) == (
        "By bytes a row: up to 19,200 bytes a row dense is most accurate; from there to 240,000 "
        "fff; from there on dense."
    )


def test_a_tie_is_called_one() -> None:
    points = [point("fff", 200, 0.97, sd=0.01), point("dense", 200, 0.971, sd=0.01)]

    assert sentence(points, BY_FLOPS) == (
        "By FLOPs a row: dense and fff are most accurate (alike within the noise) at every cost."
    )


def test_a_lead_that_changes_within_the_noise_of_time_is_none() -> None:
    fff, dense = (
        point("fff", 1, 0.96, us=1.0, noise=0.3),
        point("dense", 1, 0.97, us=1.4, noise=0.3),
    )

    assert sentence([fff, dense], BY_TIME) == (
        "By µs a row, batch 1: dense is most accurate at every cost. Also on it, narrowly: fff w1."
    )


def test_a_lead_over_less_than_a_tenth_of_the_cost_is_not_told() -> None:
    points = [point("dense", 100, 0.95), point("fff", 200, 0.96), point("dense", 210, 0.97)]

    assert sentence(points, BY_FLOPS) == (
        "By FLOPs a row: dense is most accurate at every cost. Also on it, narrowly: fff w200."
    )


def test_of_one_family_the_ends_of_its_frontier_are_told() -> None:
    one = point("fff", 2000, 0.97, label="ℓ8 d4")
    two = [one, point("fff", 3000, 0.9812, label="ℓ16 d4"), point("fff", 4000, 0.975)]

    assert sentence([one], BY_FLOPS) == (
        "By FLOPs a row: fff ℓ8 d4, 2,000 FLOPs a row, 97.00 %. Nothing else was measured."
    )
    assert sentence(two, BY_FLOPS) == (
        "By FLOPs a row: fff from the cheapest (ℓ8 d4, 2,000 FLOPs a row, 97.00 %) to the most "
        "accurate (ℓ16 d4, 3,000 FLOPs a row, 98.12 %). Nothing else was measured."
    )


def test_of_points_that_are_not_alike_none_names_another_than_the_frontier_s() -> None:
    """By time the ends are others than by FLOPs."""
    quick, small = point("fff", 300, 0.96, us=1.0), point("fff", 200, 0.97, us=3.0)

    assert "fff w200, 200 FLOPs a row, 97.00 %." in sentence([quick, small], BY_FLOPS)
    assert "cheapest (w300, 1 µs a row" in sentence([quick, small], BY_TIME)


def test_without_an_fff_it_says_that_none_was_measured() -> None:
    points = [point("dense", 200, 0.95), point("mixture", 400, 0.97)]

    assert sentence(points, BY_FLOPS).endswith("No FFF was measured.")


def test_a_long_lead_is_told_whoever_ties_with_it_meanwhile() -> None:
    """Steps of 6 %, dense alike at every second one, and more accurate at the end."""
    costs = [round(1000 * 1.06**step) for step in range(26)]
    trees = [point("fff", cost, 0.90 + 0.002 * n) for n, cost in enumerate(costs)]
    alike = [
        point("dense", cost, 0.90 + 0.002 * n, label=f"alike{n}") for n, cost in enumerate(costs)
    ]

    text = sentence([*trees, *alike[::2], point("dense", 4638, 0.99)], BY_FLOPS)

    assert text == (
        "By FLOPs a row: up to 4,638 FLOPs a row fff is most accurate; from there on dense."
    )


def test_where_one_lead_goes_over_into_the_next_both_are_told_once() -> None:
    points = [
        point("fff", 1000, 0.95, sd=0.002),
        point("fff", 1500, 0.96, sd=0.002),
        point("dense", 1550, 0.9601, sd=0.002),
        point("dense", 1600, 0.98, sd=0.002),
    ]

    assert sentence(points, BY_FLOPS) == (
        "By FLOPs a row: up to 1,600 FLOPs a row fff is most accurate; from there on dense."
    )


def test_leads_that_alternate_within_a_tenth_leave_nobody_else_the_range() -> None:
    """What follows at twice the cost does not lead at every cost."""
    costs = [round(1000 * 1.05**step) for step in range(20)]
    families = ["fff", "dense"] * 10
    leads = [
        point(family, cost, 0.90 + 0.004 * n)
        for n, (family, cost) in enumerate(zip(families, costs, strict=True))
    ]

    told = stretches([*leads, point("low_rank", 6000, 0.99)], BY_FLOPS)

    assert told[-1].families == ("low_rank",)
    assert {family for stretch in told[:-1] for family in stretch.families} <= {"fff", "dense"}
    assert len(told) > 1


def steps(leaders: Sequence[set[str]]) -> list[Point]:
    """Each step 4 % dearer and more accurate than the one before, with these families alike."""
    return [
        point(family, round(10_000 * 1.04**n), 0.90 + 0.002 * n)
        for n, families in enumerate(leaders)
        for family in families
    ]


fine = st.lists(
    st.sets(st.sampled_from(["fff", "dense", "mixture"]), min_size=1), min_size=1, max_size=20
).map(steps)


def unbroken_leads(points: Sequence[Point]) -> Iterator[str]:
    """Families that are among the leaders at every cost from one to another a tenth above it."""
    on = frontier(points, BY_FLOPS)
    costs = [BY_FLOPS.cost(each) for each in on]
    for family in {each.family for each in points}:
        leads = [family in leaders(points, cost) for cost in costs]
        for start, cost in enumerate(costs):
            ends = (at for at in range(start, len(on)) if not leads[at])
            end = next((costs[at] for at in ends), float("inf"))
            if end >= LEAST_SPAN * cost:
                yield family


def leaders(points: Sequence[Point], budget: float) -> set[str]:
    within = [each for each in points if BY_FLOPS.cost(each) <= budget]
    best = max(within, key=lambda each: each.rank)
    return {each.family for each in within if not clearly_more_accurate(best, each)}


@given(points=fine)
def test_who_leads_over_a_tenth_of_the_cost_without_a_break_is_told(points: list[Point]) -> None:
    told = {family for stretch in stretches(points, BY_FLOPS) for family in stretch.families}

    assert {*unbroken_leads(points)} <= told


@given(points=fine)
def test_stretches_go_up_in_cost_and_neighbours_differ(points: list[Point]) -> None:
    told = stretches(points, BY_FLOPS)

    costs = [BY_FLOPS.cost(stretch.start) for stretch in told]
    assert costs == sorted(set(costs))
    assert all({*a.families} != {*b.families} for a, b in zip(told, told[1:], strict=False))
