"""Views come back to the images as they are, unless rows are learnt by heart."""

from hypothesis import given
from hypothesis import strategies as st

from training.epoch import Epoch
from training.reach import reach_of_next

accuracies = st.floats(0, 1)


def epoch(fitted: float, held_out: float) -> Epoch:
    return Epoch("any", 1, 30, 0.0, 0.0, 1.0, fitted, held_out, True)


def reaches(epochs: list[Epoch]) -> list[float]:
    return [reach_of_next(epochs[:number], len(epochs)) for number in range(len(epochs))]


@given(st.lists(st.tuples(accuracies, accuracies), min_size=1, max_size=40))
def test_the_first_epoch_has_every_view_and_none_has_fewer_than_its_time(
    pairs: list[tuple[float, float]],
) -> None:
    found = reaches([epoch(*pair) for pair in pairs])

    assert found[0] == 1
    for number, reach in enumerate(found):
        assert 1 - number / len(pairs) <= reach <= 1


def test_a_network_that_learns_nothing_by_heart_ends_on_the_images_as_they_are() -> None:
    found = reaches(30 * [epoch(0.83, 0.82)])

    assert found == [1 - number / 30 for number in range(30)]


def test_a_network_that_learns_by_heart_keeps_every_view() -> None:
    assert min(reaches(30 * [epoch(0.99, 0.97)])) > 0.75
    assert reaches(30 * [epoch(0.99, 0.97)])[-1] == 1


def test_no_errors_at_all_are_no_overfitting() -> None:
    assert reaches(4 * [epoch(1.0, 1.0)]) == [1, 0.75, 0.5, 0.25]
