"""Work beside a measurement: it lasts as long as its block, and its errors are not lost."""

import threading

import pytest

from loadtest.harness.background import in_background


def test_steps_follow_each_other_until_the_block_ends_and_are_closed_then():
    several = threading.Event()
    steps: list[int] = []
    closed: list[bool] = []

    def count():
        try:
            while True:
                steps.append(len(steps))
                if len(steps) == 3:
                    several.set()
                yield
        finally:
            closed.append(True)

    with in_background(count()):
        assert several.wait(20)

    ended_with = list(steps)
    assert ended_with[:3] == [0, 1, 2]
    assert (closed, steps) == ([True], ended_with)


def test_an_error_of_a_step_is_raised_at_the_end_of_the_block():
    def fail():
        yield
        raise ZeroDivisionError

    over = []
    with pytest.raises(ZeroDivisionError), in_background(fail()):
        over.append("the block")

    assert over == ["the block"]


def test_steps_may_end_before_the_block():
    ended = threading.Event()

    def end():
        yield
        ended.set()

    with in_background(end()):
        assert ended.wait(20)
