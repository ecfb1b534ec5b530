"""The times of a stop, and the thread that ends a process which does not end by itself."""

import subprocess
import sys

import pytest

from service.shutdown import Deadline
from tests.service.stopping import HANG_S


def deadline(delay_s: float = 0.0, grace_s: float = 1000.0) -> Deadline:
    return Deadline(delay_s, grace_s, lambda: 0)


@pytest.mark.parametrize(("delay_s", "grace_s"), [(0, 1), (0, 25), (5, 25), (24, 25), (5, 600)])
def test_delay_answers_and_closing_follow_each_other_within_the_grace(delay_s, grace_s):
    stop = deadline(delay_s, grace_s)
    stop.signalled()

    assert stop.times is not None
    refuse_s, close_s, end_s = stop.times
    assert refuse_s < close_s < end_s
    assert end_s - refuse_s == pytest.approx(grace_s - delay_s)


def test_a_second_signal_takes_the_delay_and_the_waiting_away_and_adds_nothing():
    stop = deadline(delay_s=500)
    stop.signalled()
    first = stop.times
    stop.signalled()
    second = stop.times
    stop.signalled()

    assert first is not None
    assert second is not None
    assert stop.times is not None
    assert second.refuse_s == second.close_s < first.refuse_s
    assert stop.times.end_s <= second.end_s < first.end_s


@pytest.mark.parametrize(("begin", "code"), [("signalled()", 0), ("failed(0.1)", 1)])
def test_a_process_in_which_everything_hangs_ends_all_the_same(begin, code):
    program = f"""
import concurrent.futures, threading
from service.shutdown import Deadline
concurrent.futures.ThreadPoolExecutor().submit(threading.Event().wait)
deadline = Deadline(0, 1, lambda: 3)
deadline.enforce()
deadline.{begin}
threading.Event().wait()
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=HANG_S
    )

    assert ended.returncode == code
    assert ended.stderr == (
        "the grace of the stop is over: the process ends, 3 requests are not answered\n"
    )
