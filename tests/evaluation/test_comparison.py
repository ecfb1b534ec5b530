from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from evaluation import comparison, timing
from evaluation.comparison import BATCH_SIZES, OfflineComparison, compare, load_pair
from evaluation.errors import EvaluationError
from evaluation.evaluate import evaluate
from fff.backends import Backend
from fff.inference_result import InferenceResult
from fff.layers import Dense
from fff.weights import Weights
from model_store.errors import ModelNotFound
from model_store.store import Store
from networks.backends import build_backend
from tests.evaluation.test_evaluate import ORIGIN, SCALING
from tests.training.conftest import TEST
from tests.training.toys import ToyPair


@pytest.fixture(scope="module", autouse=True)
def few_rounds() -> Iterator[None]:
    """What is tested does not depend on how often it is timed."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(timing, "BUDGET_S", 0.0)
        yield


@pytest.fixture(scope="module")
def toys_compared(toy_pair: ToyPair) -> OfflineComparison:
    return compare(*load_pair(toy_pair.store, "toy"), TEST.images, TEST.labels)


@pytest.mark.parametrize("name", ["toy", "toy-dense"])
def test_a_network_agrees_with_itself(toy_pair: ToyPair, name: str) -> None:
    same = toy_pair.store.load(name)
    agreement = compare(same, same, TEST.images, batch_sizes=[1]).agreement

    assert agreement is not None
    assert (agreement.rows, agreement.same_class) == (100, 1)
    assert (agreement.largest_difference, agreement.mean_difference) == (0, 0)


def test_each_side_has_the_accuracy_that_evaluation_finds(
    toy_pair: ToyPair, toys_compared: OfflineComparison
) -> None:
    pair = toy_pair

    for side, checkpoint in ((toys_compared.fff, pair.fff), (toys_compared.dense, pair.dense)):
        result = evaluate(checkpoint, TEST.images, TEST.labels)
        assert (side.name, side.kind) == (checkpoint.name, checkpoint.kind)
        assert side.accuracy == result.hard_accuracy


def test_disagreement_is_bounded_by_what_either_gets_wrong(
    toys_compared: OfflineComparison,
) -> None:
    agreement = toys_compared.agreement
    assert agreement is not None
    assert toys_compared.fff.accuracy is not None
    assert toys_compared.dense.accuracy is not None

    wrong = 2 - toys_compared.fff.accuracy - toys_compared.dense.accuracy
    assert agreement.same_class is not None
    assert 1 - agreement.same_class <= wrong + 1e-9
    assert 0 < agreement.mean_difference <= agreement.largest_difference


def test_cost_is_that_of_the_path_taken(
    toy_pair: ToyPair, toys_compared: OfflineComparison
) -> None:
    pair = toy_pair

    # depth 2, inputs 4, leaf 3 and master 2 wide, 4 outputs; the twin is 4 * 3 + 2 wide.
    assert toys_compared.fff.flops_per_row == 2 * 2 * 4 + 2 * (3 + 2) * (4 + 4)
    assert toys_compared.dense.flops_per_row == 2 * 14 * (4 + 4)
    assert toys_compared.fff.weight_bytes == pair.fff.weight_bytes
    assert toys_compared.fff.bytes_per_row < toys_compared.fff.weight_bytes


def test_every_batch_size_is_timed_on_both_sides(toys_compared: OfflineComparison) -> None:
    assert tuple(t.batch_rows for t in toys_compared.timings) == BATCH_SIZES == (1, 8, 64, 512)
    for timed in toys_compared.timings:
        assert min(timed.fff_us, timed.dense_us) > 0
        assert 0 < timed.speedup_low <= timed.speedup <= timed.speedup_high
        assert timed.rounds >= 16
        assert timed.rounds % 2 == 0


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_both_sides_compute_with_the_threads_asked_for(
    toy_pair: ToyPair, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    """PyTorch, left alone, takes one a core: once the dense side looked 1,223 times slower."""
    asked: list[int] = []
    computing: set[int] = set()

    def spied(weights: Weights, device: torch.device, threads: int) -> Backend:
        backend = build_backend(weights, device, threads=threads)
        asked.append(threads)
        infer = backend.infer

        def counted(x: torch.Tensor) -> InferenceResult:
            computing.add(torch.get_num_threads())
            return infer(x)

        monkeypatch.setattr(backend, "infer", counted)
        return backend

    monkeypatch.setattr(comparison, "build_backend", spied)
    before = torch.get_num_threads()

    result = compare(toy_pair.fff, toy_pair.dense, batch_sizes=[1], threads=threads)

    assert (result.threads, asked, computing) == (threads, [threads, threads], {threads})
    assert torch.get_num_threads() == before


def test_a_side_that_is_slow_is_not_called_more_often_than_it_must(
    toy_pair: ToyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn is as long as the slower side needs: seconds a call leave one call a turn."""
    clock = iter(range(10**6))
    monkeypatch.setattr(timing, "perf_counter", lambda: float(next(clock)))  # 1 s a call

    result = compare(toy_pair.fff, toy_pair.dense, batch_sizes=[1])

    assert (result.timings[0].rounds, result.timings[0].dense_us) == (16, 1e6)
    assert not result.timings[0].difference_seen


def test_without_labels_there_is_no_accuracy(toy_pair: ToyPair) -> None:
    result = compare(toy_pair.fff, toy_pair.dense, TEST.images, batch_sizes=[1])

    assert (result.fff.accuracy, result.dense.accuracy) == (None, None)
    assert result.agreement is not None


def test_without_images_cost_and_time_alone_are_compared(tmp_path: Path) -> None:
    """Then a model needs no uint8 scaling."""
    bare = Store(tmp_path).publish("bare", Dense(4, 4, 2).weights(), origin=ORIGIN)
    result = compare(bare, bare, batch_sizes=[8])

    assert result.agreement is None
    assert [timing.batch_rows for timing in result.timings] == [8]


def test_fewer_images_than_a_batch_are_used_again(toy_pair: ToyPair) -> None:
    result = compare(*load_pair(toy_pair.store, "toy"), TEST.images[:3], batch_sizes=[64])

    assert asdict(result)["agreement"]["rows"] == 3
    assert result.timings[0].fff_us > 0


def test_a_model_without_a_twin_cannot_be_compared(toy_pair: ToyPair) -> None:
    with pytest.raises(EvaluationError, match="'toy-dense' must name a baseline"):
        load_pair(toy_pair.store, "toy-dense")


def test_a_twin_of_other_shape_or_none_is_named(tmp_path: Path) -> None:
    store, model = Store(tmp_path), Dense(4, 4, 2).weights()
    store.publish("twin", model, origin=ORIGIN, uint8=SCALING)
    store.publish("model", model, origin=ORIGIN, uint8=SCALING, baseline="twin")
    store.remove("twin")

    with pytest.raises(ModelNotFound, match="'twin'"):
        load_pair(store, "model")
    store.publish("twin", Dense(5, 4, 2).weights(), origin=ORIGIN, uint8=SCALING)
    with pytest.raises(EvaluationError, match="'twin' is 5 -> 4, not 4 -> 4"):
        load_pair(store, "model")


def test_images_of_another_size_are_refused(toy_pair: ToyPair) -> None:
    with pytest.raises(EvaluationError, match=r"takes images \[n, 4\].*got \[100, 5\]"):
        compare(toy_pair.fff, toy_pair.dense, np.zeros((100, 5), np.uint8))
