"""What a model shows before it is served: leaves, logits, bits, and how long its batches take."""

import pytest
import torch

from fff.backends import OutputClass
from fff.inference_result import InferenceResult
from model_store.store import Checkpoint
from networks.backends import build_backend
from service.engine.warmup import WarmUp, WarmupFailed, warm_up

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


class Scripted:
    """The toy network, spoiled as a test asks, on a device with a clock of its own."""

    name, dtype = "toy", "float32"
    rechecked_rows = 0
    trees = ()

    def __init__(self, checkpoint: Checkpoint, output_class: OutputClass = "strict"):
        self.device, self.output_class = CPU, output_class
        self.now_s = self.s_per_row = 0.0
        self.slow_rows = 0
        self.other_bits_from = self.other_leaf_from = self.fewer_rows_from = 10**6
        self._real = build_backend(checkpoint.weights, CPU)

    def clock(self) -> float:
        return self.now_s

    def staging(self, rows: int) -> torch.Tensor:
        return self._real.staging(rows)

    def infer(self, x: torch.Tensor) -> InferenceResult:
        self.now_s += 1.0 if len(x) == self.slow_rows else len(x) * self.s_per_row
        result = self._real.infer(x)
        logits, leaf = result.logits.clone(), result.leaf.clone()
        if len(x) >= self.other_bits_from:
            bits = logits.view(torch.int32)
            bits[-1, -1] ^= 1  # one rounding of one number of the last row
        if len(x) >= self.other_leaf_from:
            leaf[-1] ^= 1
        if len(x) >= self.fewer_rows_from:
            return InferenceResult(logits[1:], leaf[1:], result.margin[1:])
        return InferenceResult(logits, leaf, result.margin)


@pytest.fixture
def checkpoint(toy_store):
    return toy_store.load("toy")


@pytest.fixture
def backend(checkpoint):
    return Scripted(checkpoint)


@pytest.mark.parametrize(
    ("device", "s_per_row", "inline_rows"),
    [
        pytest.param(CPU, 1e-5, 96, id="cpu-1-ms"),  # of 100 that the budget allows
        pytest.param(CUDA, 1e-5, 14, id="gpu-0.15-ms"),
        pytest.param(CPU, 2e-3, 0, id="cpu-never"),
        pytest.param(CUDA, 2e-4, 0, id="gpu-never"),
        pytest.param(CPU, 1e-9, 256, id="all"),
    ],
)
def test_what_the_loop_computes_takes_no_longer_than_its_device_allows(
    checkpoint, backend, device, s_per_row, inline_rows
):
    backend.device, backend.s_per_row = device, s_per_row

    assert warm_up(checkpoint, backend, 256, backend.clock).inline_rows == inline_rows


def test_a_limit_that_is_no_power_of_two_counts(checkpoint, backend):
    assert warm_up(checkpoint, backend, 100, backend.clock).inline_rows == 100


def test_nothing_larger_counts_after_a_size_that_took_too_long(checkpoint, backend):
    backend.slow_rows = 4

    assert warm_up(checkpoint, backend, 16, backend.clock).inline_rows == 3


@pytest.mark.parametrize("limit", [*range(1, 70), 100, 129, 255, 256, 400, 777])
def test_the_limit_of_the_loop_is_reached_to_an_eighth_whatever_it_is(checkpoint, backend, limit):
    backend.s_per_row = 1e-3 / (limit + 0.5)

    found = warm_up(checkpoint, backend, 1000, backend.clock).inline_rows

    assert limit - max(0, limit // 8) <= found <= limit


def test_a_backend_that_keeps_its_word_is_strict(checkpoint, backend, caplog):
    assert warm_up(checkpoint, backend, 100, backend.clock) == WarmUp(100, "strict")
    assert not caplog.records


@pytest.mark.parametrize("size", [2, 64, 100])
def test_one_other_bit_makes_a_strict_backend_fast_and_the_log_names_the_size(
    checkpoint, backend, caplog, size
):
    backend.other_bits_from = size

    assert warm_up(checkpoint, backend, 100).output_class == "fast"
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert f"model 'toy', {size} rows" in record.getMessage()


def test_a_backend_that_calls_itself_fast_is_not_compared_bit_by_bit(checkpoint, caplog):
    backend = Scripted(checkpoint, "fast")
    backend.other_bits_from = 2

    assert warm_up(checkpoint, backend, 8).output_class == "fast"
    assert not caplog.records


@pytest.mark.parametrize("output_class", ["strict", "fast"])
@pytest.mark.parametrize("size", [1, 128])
def test_another_leaf_is_never_served(checkpoint, size, output_class):
    """In the last row, too, of a batch larger than the rows that are different."""
    backend = Scripted(checkpoint, output_class)
    backend.other_leaf_from = size

    with pytest.raises(WarmupFailed, match=rf"'toy', {size} rows: other leaves"):
        warm_up(checkpoint, backend, 128)


def test_rows_that_do_not_come_back_are_missed(checkpoint, backend):
    backend.fewer_rows_from = 4

    with pytest.raises(WarmupFailed, match="'toy', 4 rows: 3 came back"):
        warm_up(checkpoint, backend, 8)


@pytest.mark.parametrize("backend_name", ["numba", "torch"])
def test_the_backends_of_a_cpu_are_what_they_call_themselves(checkpoint, backend_name):
    backend = build_backend(checkpoint.weights, CPU, backend_name)

    assert warm_up(checkpoint, backend, 100).output_class == backend.output_class
