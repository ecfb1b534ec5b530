from training.selection import Selection


def kept(accuracies: list[float], selection: Selection) -> list[int]:
    return [e for e, accuracy in enumerate(accuracies, 1) if selection.keeps(e, accuracy)]


def test_the_best_epoch_is_kept_and_of_equals_the_latest() -> None:
    assert kept([0.5, 0.7, 0.6, 0.7, 0.6], Selection(patience=9)) == [1, 2, 4]


def test_an_epoch_that_gets_nothing_right_is_better_than_none() -> None:
    assert kept([0.0, 0.0], Selection(patience=9)) == [1, 2]


def test_training_ends_when_patience_has_passed_without_a_better_epoch() -> None:
    selection = Selection(patience=2)
    kept([0.5, 0.7, 0.7, 0.7], selection)

    assert [selection.is_over(epoch) for epoch in (2, 3, 4)] == [False, False, True]


def test_patience_counts_from_the_end_of_the_ramp() -> None:
    selection = Selection(patience=2, ramp_epochs=10)
    kept([0.5], selection)

    assert [selection.is_over(epoch) for epoch in (0, 9, 11, 12)] == [False, False, False, True]


def test_what_comes_before_the_first_candidate_is_neither_kept_nor_missed() -> None:
    selection = Selection(patience=2, first=4)

    assert kept([0.9, 0.9, 0.9, 0.5, 0.6], selection) == [4, 5]
    assert not Selection(patience=2, first=4).is_over(3)
