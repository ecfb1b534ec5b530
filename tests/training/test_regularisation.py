"""Views and teacher go, unless rows are learnt by heart."""

from hypothesis import given
from hypothesis import strategies as st

from training.epoch import Epoch
from training.regularisation import regularisation_of_next

accuracies = st.floats(0, 1)


def epoch(fitted: float, held_out: float) -> Epoch:
    return Epoch("any", 1, 30, 0.0, 0.0, 1.0, fitted, held_out, True)


def shares(epochs: list[Epoch]) -> list[float]:
    return [regularisation_of_next(epochs[:number], len(epochs)) for number in range(len(epochs))]


@given(st.lists(st.tuples(accuracies, accuracies), min_size=1, max_size=40))
def test_the_first_epoch_has_all_and_none_has_less_than_its_time(
    pairs: list[tuple[float, float]],
) -> None:
    found = shares([epoch(*pair) for pair in pairs])

    assert found[0] == 1
    for number, share in enumerate(found):
        assert 1 - number / len(pairs) <= share <= 1


def test_a_network_that_learns_nothing_by_heart_ends_without() -> None:
    found = shares(30 * [epoch(0.83, 0.82)])

    assert found == [1 - number / 30 for number in range(30)]


def test_a_network_that_learns_by_heart_keeps_all() -> None:
    assert min(shares(30 * [epoch(0.99, 0.97)])) > 0.75
    assert shares(30 * [epoch(0.99, 0.97)])[-1] == 1


def test_no_errors_at_all_are_no_overfitting() -> None:
    assert shares(4 * [epoch(1.0, 1.0)]) == [1, 0.75, 0.5, 0.25]
