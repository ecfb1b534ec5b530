"""Who is beaten and who is not, on points that nobody measured."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given

from evaluation.report.frontier import MEASURES, Measure, beats, clearly_more_accurate, frontier
from evaluation.report.points import Point
from tests.evaluation.report.made_up import point, some_points

FloatArray = npt.NDArray[np.float64]
BY_TIME, _, _, BY_FLOPS, _ = MEASURES
measures = pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)


def labels(points: list[Point], measure: Measure = BY_FLOPS) -> list[str]:
    return [each.label for each in frontier(points, measure)]


def test_what_costs_more_and_gives_less_is_beaten() -> None:
    points = [point("fff", 300, 0.97), point("dense", 200, 0.96), point("dense", 400, 0.96)]

    assert labels(points) == ["w200", "w300"]


def test_a_difference_of_accuracy_within_the_noise_beats_nobody() -> None:
    """Three seeds, sd 0.2 points: twice the error of the difference is 0.33 points."""
    cheap_and_better = point("fff", 200, 0.9710, sd=0.002)
    same_cost = point("dense", 200, 0.9680, sd=0.002, label="within")
    far = point("mixture", 200, 0.9670, sd=0.002, label="beyond")

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
    """Of 10,000 rows, 97 % right: 0.17 points each, twice 0.24 for a difference."""
    one = point("fff", 200, 0.9700, seeds=1)

    assert one.error == pytest.approx(0.0017, abs=1e-4)
    assert len(labels([one, point("dense", 200, 0.9740, seeds=1)])) == 2
    assert len(labels([one, point("dense", 200, 0.9750, seeds=1)])) == 1


@pytest.mark.parametrize(("accuracy", "seeds"), [(0.97, 3), (1.0, 1)])
def test_no_accuracy_is_surer_than_to_one_image(accuracy: float, seeds: int) -> None:
    """Seeds that are alike by chance, and one that is always right."""
    sure = point("fff", 200, accuracy, sd=0.0, seeds=seeds)

    assert sure.error == 1 / sure.test_rows
    assert len(labels([sure, point("dense", 200, accuracy - 0.0002, sd=0.0)])) == 2


@pytest.mark.parametrize(("seeds", "share"), [(2, 0.183), (3, 0.116), (5, 0.081)])
def test_equal_populations_are_told_apart_as_seldom_as_the_docs_say(
    seeds: int, share: float
) -> None:
    random, pairs = np.random.RandomState(0), 2000
    means = 0.9 + 0.01 * random.randn(pairs, 2, seeds)
    apart = sum(
        clearly_more_accurate(one, other) or clearly_more_accurate(other, one)
        for one, other in ([_over(values) for values in pair] for pair in means)
    )

    assert apart / pairs == pytest.approx(share, abs=0.03)


def _over(accuracies: FloatArray) -> Point:
    mean, sd = float(accuracies.mean()), float(accuracies.std(ddof=1))
    return point("fff", 200, mean, sd=sd, seeds=len(accuracies))


@measures
@given(points=some_points)
def test_a_frontier_has_a_point_and_nobody_on_it_is_beaten(
    measure: Measure, points: list[Point]
) -> None:
    found = frontier(points, measure)

    assert found
    assert not any(beats(other, each, measure) for each in found for other in points)
    assert [measure.cost(each) for each in found] == sorted(measure.cost(each) for each in found)


@measures
@given(points=some_points)
def test_the_most_accurate_and_the_cheapest_are_beaten_by_equals_alone(
    measure: Measure, points: list[Point]
) -> None:
    found = frontier(points, measure)

    best, least = max(p.rank for p in points), min(map(measure.cost, points))
    assert max(each.rank for each in found) == best
    assert min(map(measure.cost, found)) == least
