"""Who is beaten and who is not, and the sentence about it, on points that nobody measured."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.report.frontier import MEASURES, Measure, beats, frontier
from evaluation.report.points import Point
from evaluation.report.sentences import sentence
from tests.evaluation.report.made_up import point

BY_TIME, _, BY_FLOPS, BY_BYTES = MEASURES
measures = pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
made_up = st.builds(
    point,
    st.sampled_from(["fff", "dense", "mixture"]),
    st.integers(1, 30),
    st.integers(90, 99).map(lambda percent: percent / 100),
    st.sampled_from([0.0, 0.005, 0.02]),
    st.integers(1, 4),
    noise=st.sampled_from([0.0, 0.2]),
)
some = st.lists(made_up, min_size=1, max_size=8)


def labels(points: list[Point], measure: Measure = BY_FLOPS) -> list[str]:
    return [each.label for each in frontier(points, measure)]


def test_what_costs_more_and_gives_less_is_beaten() -> None:
    points = [point("fff", 300, 0.97), point("dense", 200, 0.96), point("dense", 400, 0.96)]

    assert labels(points) == ["w200", "w300"]


def test_a_difference_of_accuracy_within_the_noise_beats_nobody() -> None:
    """Three seeds, sd 0.2 points: the difference of the means has an error of 0.16 points."""
    cheap_and_better = point("fff", 200, 0.9710, sd=0.002)
    same_cost = point("dense", 200, 0.9700, sd=0.002, label="within")
    far = point("mixture", 200, 0.9690, sd=0.002, label="beyond")

    assert labels([cheap_and_better, same_cost, far]) == ["within", "w200"]


def test_a_difference_of_time_within_the_noise_beats_nobody() -> None:
    quick = point("fff", 1000, 0.97, noise=0.1, us=1.0)
    alike = point("dense", 1000, 0.97, noise=0.1, us=1.1, label="overlaps")
    slow = point("dense", 1000, 0.97, noise=0.1, us=1.5, label="slower")

    assert labels([quick, alike, slow], BY_TIME) == ["w1000", "overlaps"]


def test_what_is_better_in_one_by_more_than_the_noise_and_no_worse_in_the_other_beats() -> None:
    dear = point("dense", 400, 0.97, sd=0.01)

    assert labels([point("fff", 200, 0.97, sd=0.01), dear]) == ["w200"]
    assert labels([point("fff", 200, 0.969, sd=0.01), dear]) == ["w200", "w400"]


def test_one_seed_has_the_error_of_counting_right_answers() -> None:
    """Of 10,000 rows, 97 % right: 0.17 points each, 0.24 for a difference."""
    one = point("fff", 200, 0.9700, seeds=1)

    assert one.error == pytest.approx(0.0017, abs=1e-4)
    assert len(labels([one, point("dense", 200, 0.9720, seeds=1)])) == 2
    assert len(labels([one, point("dense", 200, 0.9730, seeds=1)])) == 1


@measures
@given(points=some)
def test_a_frontier_has_a_point_and_nobody_on_it_is_beaten(
    measure: Measure, points: list[Point]
) -> None:
    found = frontier(points, measure)

    assert found
    assert not any(beats(other, each, measure) for each in found for other in points)
    assert [measure.cost(each) for each in found] == sorted(measure.cost(each) for each in found)


@measures
@given(points=some)
def test_the_most_accurate_and_the_cheapest_are_beaten_by_equals_alone(
    measure: Measure, points: list[Point]
) -> None:
    found = frontier(points, measure)

    best, least = max(p.hard_accuracy.mean for p in points), min(map(measure.cost, points))
    assert max(each.hard_accuracy.mean for each in found) == best
    assert min(map(measure.cost, found)) == least


@given(points=some)
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


def test_one_point_or_one_family_has_nothing_beside_it() -> None:
    one = point("fff", 200, 0.97, label="ℓ8 d4")

    assert "only fff ℓ8 d4 was measured" in sentence([one], BY_FLOPS)
    assert "only fff was measured" in sentence([one, point("fff", 300, 0.98)], BY_FLOPS)


def test_without_an_fff_it_says_that_none_was_measured() -> None:
    points = [point("dense", 200, 0.95), point("mixture", 400, 0.97)]

    assert sentence(points, BY_FLOPS).endswith("No FFF was measured.")
