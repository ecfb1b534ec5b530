from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import evaluation.evaluate as evaluation_module
from evaluation.calibration import calibration
from evaluation.datasets import Dataset, Labels
from evaluation.errors import EvaluationError
from evaluation.evaluate import CPU, answers, evaluate, hard_logits, hard_pass
from evaluation.fitting import fitted_to, scaling_of
from evaluation.idx import Bytes
from fff.layers import Dense
from fff.weights import FFFWeights, Weights
from model_store.manifest import ImportOrigin, TrainingOrigin, Uint8Scaling
from model_store.store import Store
from networks.backends import build_backend
from tests.fff.networks import dense, low_rank, mixture
from tests.training.conftest import TEST
from tests.training.toys import ToyPair

ORIGIN = ImportOrigin(format="toy", sha256="0" * 64)
LABELLED = (TEST.images, TEST.labels)
SCALING = Uint8Scaling(scale=1 / 255, shift=0.0)
JSON_FIELDS = (
    *("rows", "hard_accuracy", "soft_accuracy"),
    *("leaves_used", "leaves", "leaf_shares", "layers", "rows_per_s", "threads"),
    *("calibration_error", "nll", "confidence_when_wrong"),
)


@pytest.mark.parametrize("name", ["digits", "digits-dense"])
def test_the_demo_reaches_what_its_manifest_says(
    demo: Store, digits_data: tuple[Dataset, Dataset], name: str
) -> None:
    checkpoint, test = demo.load(name), digits_data[1]
    assert isinstance(checkpoint.manifest.origin, TrainingOrigin)
    recorded = checkpoint.manifest.origin.metrics
    result = evaluate(checkpoint, test.images, test.labels)

    assert result.hard_accuracy == recorded["test_hard_accuracy"]
    assert result.soft_accuracy == recorded["test_soft_accuracy"]
    assert (result.rows, result.leaves_used) == (360, recorded.get("test_leaves_used", 0))


def test_the_fields_are_those_that_evaluate_promises_as_json(toy_pair: ToyPair) -> None:
    result = evaluate(toy_pair.fff, TEST.images, TEST.labels)

    assert tuple(asdict(result)) == JSON_FIELDS


def test_every_row_is_in_one_leaf(toy_pair: ToyPair) -> None:
    result = evaluate(toy_pair.fff, TEST.images, TEST.labels)

    assert len(result.leaf_shares) == result.leaves == 4
    assert sum(result.leaf_shares) == pytest.approx(1)
    assert result.leaves_used == sum(share > 0 for share in result.leaf_shares)
    assert result.rows_per_s > 0


@pytest.mark.parametrize("threads", [1, 2])
def test_every_kind_of_network_is_timed_with_the_threads_asked_for(
    toy_pair: ToyPair, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    timed: set[int] = set()

    def rows_per_s(*_: object) -> float:
        timed.add(torch.get_num_threads())
        return 1.0

    monkeypatch.setattr(evaluation_module, "rows_per_s", rows_per_s)
    for checkpoint in (toy_pair.fff, toy_pair.dense):
        assert evaluate(checkpoint, TEST.images, TEST.labels, threads).threads == threads

    assert timed == {threads}


@pytest.mark.parametrize(
    "weights",
    [dense(4, 6, 4), low_rank(4, 2, 6, 4), mixture(4, 3, 2, 4, k=2)],
    ids=lambda w: w.kind,
)
def test_a_network_without_a_tree_has_no_leaves_and_one_accuracy(
    weights: Weights, tmp_path: Path
) -> None:
    checkpoint = Store(tmp_path).publish("model", weights, origin=ORIGIN, uint8=SCALING)
    result = evaluate(checkpoint, TEST.images, TEST.labels)

    assert (result.leaves, result.leaves_used, result.leaf_shares) == (0, 0, [])
    assert result.soft_accuracy == result.hard_accuracy


def test_more_rows_than_a_chunk_are_the_sum_of_their_parts(toy_pair: ToyPair) -> None:
    """Memory is bounded by evaluating in chunks, which changes no result."""
    images, labels = np.tile(TEST.images, (100, 1)), np.tile(TEST.labels, 100)  # 10,000 rows
    part = evaluate(toy_pair.fff, TEST.images, TEST.labels)
    whole = evaluate(toy_pair.fff, images, labels)

    assert whole.rows == 10_000
    assert whole.hard_accuracy == pytest.approx(part.hard_accuracy)
    assert whole.leaf_shares == pytest.approx(part.leaf_shares)


@pytest.mark.parametrize("name", ["toy", "toy-dense"])
def test_calibration_is_that_of_what_is_served(toy_pair: ToyPair, name: str) -> None:
    checkpoint = toy_pair.store.load(name)
    backend, scaling = build_backend(checkpoint.weights, CPU), scaling_of(checkpoint)
    logits, leaf = hard_logits(backend, scaling, TEST.images)
    classes, leaf_of_classes = hard_pass(backend, scaling, TEST.images)
    measured, result = calibration(logits, TEST.labels), evaluate(checkpoint, *LABELLED)

    assert (result.calibration_error, result.nll) == (measured.error, measured.nll)
    assert result.confidence_when_wrong == measured.confidence_when_wrong
    assert np.array_equal(classes, logits.argmax(1))
    assert np.array_equal(leaf_of_classes, leaf)


def test_soft_mixes_the_leaves_where_hard_takes_one(tmp_path: Path) -> None:
    """A root that barely says left: one leaf votes for class 0, the mixture for class 1."""
    root = torch.zeros(1, 4), torch.tensor([-0.01])
    first_layer = torch.zeros(2, 4, 1), torch.zeros(2, 1)
    votes = torch.zeros(2, 1, 2), torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    tree = FFFWeights(*root, *first_layer, *votes, activation="relu")
    checkpoint = Store(tmp_path).publish("vote", tree, origin=ORIGIN, uint8=SCALING)
    result = evaluate(checkpoint, TEST.images, np.zeros(len(TEST), np.int64))

    assert (result.hard_accuracy, result.soft_accuracy) == (1, 0)
    assert result.leaf_shares == [1, 0]


def test_without_uint8_scaling_raw_pixels_are_refused(tmp_path: Path) -> None:
    checkpoint = Store(tmp_path).publish("bare", Dense(4, 4, 2).weights(), origin=ORIGIN)

    with pytest.raises(EvaluationError, match="'bare' version 1 has no uint8 scale and shift"):
        evaluate(checkpoint, TEST.images, TEST.labels)


MISFITS: dict[str, tuple[Bytes, Labels, str]] = {
    "narrow": (TEST.images[:, :3], TEST.labels, r"takes images \[n, 4\].*got \[100, 3\]"),
    "no-rows": (TEST.images[:0], TEST.labels[:0], r"n >= 1; got \[0, 4\]"),
    "few-labels": (TEST.images, TEST.labels[:9], r"labels must be \[100\].*got \[9\]"),
    "other-classes": (TEST.images, TEST.labels + 1, "classes 0 to 3; got labels 1 to 4"),
}


@pytest.mark.parametrize(("images", "labels", "message"), MISFITS.values(), ids=MISFITS)
def test_data_that_do_not_fit_the_model_are_refused(
    toy_pair: ToyPair, images: Bytes, labels: Labels, message: str
) -> None:
    with pytest.raises(EvaluationError, match=message):
        evaluate(toy_pair.fff, images, labels)


def of_folder(images: Bytes, classes: int) -> Dataset:
    names = tuple(str(label) for label in range(classes))
    labels = np.arange(len(images)) % classes
    return Dataset(images, labels, "folder", (len(images[0]) // 2, 2), names)


def test_white_of_a_file_is_the_white_of_the_model(tmp_path: Path) -> None:
    """16 of scikit-learn's digits; what is no brighter is scaled already."""
    bright, dark = of_folder(TEST.images, 4), of_folder(TEST.images // 17, 4)
    store, weights = Store(tmp_path), Dense(4, 4, 2).weights()
    sixteen = store.publish(
        "sixteen", weights, origin=ORIGIN, uint8=Uint8Scaling(scale=2 / 16, shift=-1)
    )
    usual = store.publish("usual", weights, origin=ORIGIN, uint8=SCALING)

    fitted, told = fitted_to(sixteen, bright)
    assert np.array_equal(fitted.images, np.rint(bright.images * (16 / 255)))
    assert told == "pixels 0 (black) to 16 (white)"
    assert fitted_to(sixteen, dark) == (dark, "")
    assert fitted_to(usual, bright) == (bright, "")


def test_folders_that_do_not_fit_the_model_are_refused(toy_pair: ToyPair) -> None:
    wide = of_folder(np.ones((5, 8), np.uint8), 4)

    with pytest.raises(EvaluationError, match=r"images of 4 pixels, folder has \[4, 2\]; --image"):
        fitted_to(toy_pair.fff, wide)
    with pytest.raises(EvaluationError, match="knows 4 classes, folder has 3 folders .* 0, 1, 2;"):
        fitted_to(toy_pair.fff, of_folder(np.ones((5, 4), np.uint8), 3))


def test_answers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    """A service answers none of them; their class would be made up."""
    weights = Dense(4, 4, 2).weights()
    huge = replace(weights, w1=weights.w1 * 1e25, w2=weights.w2 * 1e25)
    model = Store(tmp_path).publish("huge", huge, origin=ORIGIN, uint8=SCALING)

    with pytest.raises(
        EvaluationError, match=r"'huge' gives numbers that are not finite for \d+ of"
    ):
        evaluate(model, TEST.images, TEST.labels)


def test_both_passes_have_the_threads_that_were_asked_for(
    toy_pair: ToyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def noting(real: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*given: Any) -> Any:
            seen.append(torch.get_num_threads())
            return real(*given)

        return noted

    for name in ("hard_logits", "soft_classes"):
        monkeypatch.setattr(evaluation_module, name, noting(getattr(evaluation_module, name)))
    before = torch.get_num_threads()

    answers(toy_pair.fff, TEST.images, TEST.labels, threads=3)

    assert (seen, torch.get_num_threads()) == ([3, 3], before)
