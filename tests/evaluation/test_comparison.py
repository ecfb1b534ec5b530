from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from evaluation.comparison import BATCH_SIZES, ROUNDS, OfflineComparison, compare, load_pair
from evaluation.errors import EvaluationError
from evaluation.evaluate import evaluate
from fff.layers import Dense
from model_store.errors import ModelNotFound
from model_store.store import Store
from tests.evaluation.test_evaluate import ORIGIN, SCALING
from tests.training.conftest import TEST
from tests.training.test_pair import Toys


@pytest.fixture(scope="module")
def toys_compared(toy_pair: Toys) -> OfflineComparison:
    return compare(*load_pair(toy_pair[1], "toy"), TEST.images, TEST.labels)


@pytest.mark.parametrize("name", ["toy", "toy-dense"])
def test_a_network_agrees_with_itself(toy_pair: Toys, name: str) -> None:
    same = toy_pair[1].load(name)
    agreement = compare(same, same, TEST.images, batch_sizes=[1]).agreement

    assert agreement is not None
    assert (agreement.rows, agreement.same_class) == (100, 1)
    assert (agreement.largest_difference, agreement.mean_difference) == (0, 0)


def test_each_side_has_the_accuracy_that_evaluation_finds(
    toy_pair: Toys, toys_compared: OfflineComparison
) -> None:
    pair = toy_pair[0]

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
    assert 1 - agreement.same_class <= wrong + 1e-9
    assert 0 < agreement.mean_difference <= agreement.largest_difference


def test_cost_is_that_of_the_path_taken(toy_pair: Toys, toys_compared: OfflineComparison) -> None:
    pair = toy_pair[0]

    # depth 2, inputs 4, leaf 3 and master 2 wide, 4 outputs; the twin is 4 * 3 + 2 wide.
    assert toys_compared.fff.flops_per_row == 2 * 2 * 4 + 2 * (3 + 2) * (4 + 4)
    assert toys_compared.dense.flops_per_row == 2 * 14 * (4 + 4)
    assert toys_compared.fff.weight_bytes == pair.fff.weight_bytes
    assert toys_compared.fff.bytes_per_row < toys_compared.fff.weight_bytes


def test_every_batch_size_is_timed_on_both_sides(toys_compared: OfflineComparison) -> None:
    assert tuple(t.batch_rows for t in toys_compared.timings) == BATCH_SIZES == (1, 8, 64, 512)
    assert toys_compared.rounds == ROUNDS >= 9
    for timing in toys_compared.timings:
        assert timing.speedup == timing.dense_us / timing.fff_us > 0


def test_without_labels_there_is_no_accuracy(toy_pair: Toys) -> None:
    result = compare(toy_pair[0].fff, toy_pair[0].dense, TEST.images, batch_sizes=[1])

    assert (result.fff.accuracy, result.dense.accuracy) == (None, None)
    assert result.agreement is not None


def test_without_images_cost_and_time_alone_are_compared(tmp_path: Path) -> None:
    """Then a model needs no uint8 scaling."""
    bare = Store(tmp_path).publish("bare", Dense(4, 4, 2).weights(), origin=ORIGIN)
    result = compare(bare, bare, batch_sizes=[8])

    assert result.agreement is None
    assert [timing.batch_rows for timing in result.timings] == [8]


def test_fewer_images_than_a_batch_are_used_again(toy_pair: Toys) -> None:
    result = compare(*load_pair(toy_pair[1], "toy"), TEST.images[:3], batch_sizes=[64])

    assert asdict(result)["agreement"]["rows"] == 3
    assert result.timings[0].fff_us > 0


def test_a_model_without_a_twin_cannot_be_compared(toy_pair: Toys) -> None:
    with pytest.raises(EvaluationError, match="'toy-dense' must name a dense baseline"):
        load_pair(toy_pair[1], "toy-dense")


def test_a_twin_of_other_shape_or_none_is_named(tmp_path: Path) -> None:
    store, model = Store(tmp_path), Dense(4, 4, 2).weights()
    store.publish("model", model, origin=ORIGIN, uint8=SCALING, baseline="twin")

    with pytest.raises(ModelNotFound, match="'twin'"):
        load_pair(store, "model")
    store.publish("twin", Dense(5, 4, 2).weights(), origin=ORIGIN, uint8=SCALING)
    with pytest.raises(EvaluationError, match=r"widths \[4, 4\], 'twin' has \[5, 4\]"):
        load_pair(store, "model")


def test_images_of_another_size_are_refused(toy_pair: Toys) -> None:
    with pytest.raises(EvaluationError, match=r"takes images \[n, 4\].*got \[100, 5\]"):
        compare(toy_pair[0].fff, toy_pair[0].dense, np.zeros((100, 5), np.uint8))
