"""What is timed is the calls, in turn, and nothing else: on a stand-in of CUDA."""

from collections.abc import Iterator

import pytest
import torch

from bench.gpu import cuda_device
from bench.gpu.cuda_device import Gpu
from bench.gpu.device import FEW_CALLS, MOST_CALLS, calls_in_a_graph, replays_of
from bench.gpu.rehearsal import Rehearsal
from tests.fff.kernels.gpu.stand_in import Runtime, cuda_on_the_cpu


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    monkeypatch.setattr(cuda_device, "_FLUSH_BYTES", 1 << 12)
    with cuda_on_the_cpu() as runtime:
        yield runtime


class Calls:
    """Batches in turn, and which of them were computed while a graph was captured."""

    def __init__(self, runtime: Runtime, count: int):
        self.captured: list[int] = []
        self.runtime, self.all = runtime, [lambda k=k: self._call(k) for k in range(count)]

    def _call(self, k: int) -> None:
        if self.runtime.capturing:
            self.captured.append(k)


def test_the_kth_call_of_a_graph_computes_the_kth_batch(runtime: Runtime) -> None:
    calls = Calls(runtime, 16)

    times = Gpu().graph_times(calls.all, 1e-6)

    # How many fit depends on how long a call takes, here on a processor that others may use.
    assert 1 <= times.calls <= MOST_CALLS
    assert calls.captured == [k % 16 for k in range(times.calls)]
    assert runtime.captures == 1
    assert runtime.replays == 2 + times.replays


def test_time_of_emptying_the_cache_is_not_a_calls(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A graph of flushes alone is taken off, and captured once for every length."""
    lengths = {True: 5.0, False: 3.0}  # ms of a graph, by whether it holds calls
    gpu, calls, flushes = Gpu(), Calls(runtime, 16), [0]

    def replay_s(calls: list[object], count: int, quick: bool = False) -> list[float]:
        flushes[0] += calls == [gpu._flush]
        return [1e-3 * lengths[calls != [gpu._flush]]]

    monkeypatch.setattr(gpu, "_replay_s", replay_s)

    first, second = (gpu.graph_times(calls.all, 1e-6, cold=True) for _ in range(2))

    assert first == second
    assert first.p50_us == pytest.approx(1e3 * (5.0 - 3.0) / FEW_CALLS)
    assert flushes == [1]


def test_a_call_that_fails_in_a_capture_says_why_and_leaves_no_capture(runtime: Runtime) -> None:
    def fail() -> None:
        if runtime.capturing:
            raise torch.OutOfMemoryError("CUDA out of memory")

    gpu = Gpu()

    with pytest.raises(torch.OutOfMemoryError, match="out of memory"):
        gpu.graph_times([fail], 1e-6)

    assert not runtime.capturing
    assert not gpu.is_lost()
    assert gpu.graph_times([lambda: None], 1e-6).calls == MOST_CALLS


def test_a_broken_context_is_known_by_its_next_wait(runtime: Runtime) -> None:
    gpu = Gpu()
    runtime.failure = RuntimeError("CUDA error: an illegal memory access was encountered")

    assert gpu.is_lost()
    gpu.clear()


@pytest.mark.parametrize("call_s", [1e-6, 1e-4, 2e-3, 0.02, 0.2, 2.0])
@pytest.mark.parametrize("cold", [True, False])
def test_no_side_takes_long_however_long_a_call_is(call_s: float, cold: bool) -> None:
    count = calls_in_a_graph(call_s, cold)
    replays = replays_of(count * call_s)

    assert 1 <= count <= (FEW_CALLS if cold else MOST_CALLS)
    assert 5 <= replays <= 40
    assert count * replays * call_s <= max(0.3, 5 * call_s)


def test_a_stand_in_lets_time_pass_as_the_device_would() -> None:
    """The same calls and replays as on a GPU; each takes as long as it is said to."""
    stand_in = Rehearsal(sleeps=False)

    times = stand_in.graph_times([lambda: None], 1e-3)

    assert times.p50_us == pytest.approx(1e3)
    assert stand_in.now_s() > times.calls * (times.replays + 2) * 1e-3


def test_what_does_not_fit_together_fails_without_a_device() -> None:
    x, w = (torch.empty(3, 4, device=Rehearsal(False).torch_device) for _ in range(2))

    with pytest.raises(RuntimeError):
        Rehearsal(False).graph_times([lambda: x @ w], 1e-3)
