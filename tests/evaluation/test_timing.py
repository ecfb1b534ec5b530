"""Any number of networks take turns, and none is favoured."""

from collections import Counter

import pytest
import torch

from evaluation import timing
from evaluation.timing import time_all, turns_of_many
from fff.backends import Backend
from fff.layers import Dense
from networks.backends import build_backend

CPU = torch.device("cpu")


@pytest.mark.parametrize("sides", [1, 2, 3, 7])
def test_every_side_has_every_place_and_follows_itself_as_often(sides: int) -> None:
    orders = [*turns_of_many(sides, 2 * sides)][1:]  # without the warm-up

    assert all(sorted(order) == [*range(sides)] for order in orders)
    for place in range(sides):
        assert {*Counter(order[place] for order in orders).values()} == {2}


def test_all_take_turns_in_every_round_with_rows_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A call lasts a second by this clock, so a turn is one call."""
    clock = iter(range(10**6))
    monkeypatch.setattr(timing, "perf_counter", lambda: float(next(clock)))
    called: list[tuple[int, float]] = []

    def spied(side: int) -> Backend:
        backend = build_backend(Dense(1, 2, 2).weights(), CPU)
        infer = backend.infer

        def noted(x: torch.Tensor) -> object:
            called.append((side, float(x[0, 0])))
            return infer(x)

        monkeypatch.setattr(backend, "infer", noted)
        return backend

    rows = torch.arange(1000.0)[:, None]
    times = time_all([spied(side) for side in range(3)], [rows] * 3, 2, threads=1)

    timed = called[9:]  # three calls each tell how long a call takes
    assert [{side for side, _ in timed[at : at + 3]} for at in range(0, len(timed), 3)] == [
        {0, 1, 2}
    ] * (len(timed) // 3)
    for side in range(3):
        firsts = [first for of, first in timed if of == side]
        assert len(firsts) == len(set(firsts))
    assert [time.median_us for time in times] == [1e6 / 2] * 3
    assert {time.rounds for time in times} == {len(timed) // 3 - 1}
