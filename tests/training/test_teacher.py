"""Who teaches, and what a pupil takes from it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from evaluation.errors import EvaluationError
from fff.layers import Dense
from fff.weights import FeedForwardWeights
from model_store.errors import StoreError
from model_store.manifest import ImportOrigin, Uint8Scaling
from model_store.store import Store
from tests.training.conftest import TEST, TRAIN
from tests.training.toys import OURS, ToyPair, quarters
from training.batches import Batch
from training.learners import Answer
from training.material import prepare
from training.task_loss import task_loss

NONE = torch.zeros(())


def none(done: int, total: int) -> None:
    """No progress."""


def test_a_teacher_is_trained_once_for_all_networks_of_a_seed(toy_pair: ToyPair) -> None:
    epochs: list[int] = []
    materials = [
        prepare(OURS, TRAIN, TEST, toy_pair.store, 5, lambda done, total: epochs.append(done))
        for _ in range(2)
    ]
    first, second = (m.rows.take(torch.arange(10)) for m in materials)

    assert epochs == list(range(1, 21))
    assert first.taught is not None
    assert second.taught is not None
    assert first.taught.shape == (10, 4)


def test_views_are_the_same_whether_a_teacher_is_trained_or_read(toy_pair: ToyPair) -> None:
    warped = OURS.override({"warp": 0.3})
    first, second = (prepare(warped, TRAIN, TEST, toy_pair.store, 6, none) for _ in range(2))
    assert first.rows._ready is not None
    assert second.rows._ready is not None

    assert torch.equal(first.rows._ready.x, second.rows._ready.x)


def test_a_model_of_the_store_can_teach(toy_pair: ToyPair) -> None:
    recipe = OURS.override({"teacher": "toy-dense", "shift_pixels": 0})
    material = prepare(recipe, TRAIN, TEST, toy_pair.store, 5, none)
    taught = material.rows.take(torch.arange(len(material.rows))).taught
    assert taught is not None

    right = taught.argmax(1) == torch.from_numpy(material.parts["train"].labels)
    assert right.float().mean() > 0.6


def test_a_model_that_answers_otherwise_is_another_teacher(tmp_path: Path) -> None:
    """The same tensors under another activation, or for other pixels."""
    torch.manual_seed(0)
    store, weights = Store(tmp_path), Dense(4, 4, 5).weights()
    origin = ImportOrigin(format="fastfeedforward", sha256="0" * 64)

    def source(given: FeedForwardWeights, scale: float) -> dict[str, str | int]:
        store.publish("t", given, origin=origin, uint8=Uint8Scaling(scale=scale, shift=0.0))
        return prepare(OURS.override({"teacher": "t"}), TRAIN, TEST, store, 0, none).source

    known = source(weights, 1.0)
    assert source(weights, 1.0) == known
    assert source(replace(weights, activation="gelu"), 1.0) != known
    assert source(weights, 0.5) != known


def test_a_teacher_of_other_images_or_none_is_refused(toy_pair: ToyPair) -> None:
    two = quarters(100, 0)
    two = two.take(two.labels < 2, "two")

    with pytest.raises(EvaluationError, match=r"take and give \[4, 2\] .* 'toy-dense' has \[4, 4"):
        prepare(OURS.override({"teacher": "toy-dense"}), two, two, toy_pair.store, 0, none)
    with pytest.raises(StoreError, match="nobody"):
        prepare(OURS.override({"teacher": "nobody"}), TRAIN, TEST, toy_pair.store, 0, none)


def batch(rows: int = 6) -> tuple[torch.Tensor, Batch]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(rows, 4, generator=generator)
    taught = torch.randn(rows, 4, generator=generator)
    return logits, Batch(torch.empty(rows, 2), torch.arange(rows) % 4, taught)


def test_a_pupil_that_answers_as_its_teacher_cannot_do_better() -> None:
    _, given = batch()
    assert given.taught is not None
    recipe = OURS.override({"teacher_weight": 1})
    logits = given.taught.clone().requires_grad_()
    task_loss(Answer(logits, NONE, NONE), given, recipe).backward()

    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, torch.zeros_like(logits), atol=1e-6, rtol=0)


def test_without_regularisation_a_teacher_says_nothing() -> None:
    logits, given = batch()
    loss = task_loss(Answer(logits, NONE, NONE), given, OURS, regularisation=0)

    torch.testing.assert_close(loss, F.cross_entropy(logits, given.labels))


def test_leaves_that_answer_alike_lose_what_one_of_them_does() -> None:
    logits, given = batch()
    shares = torch.log_softmax(torch.randn(6, 3, generator=torch.Generator().manual_seed(1)), 1)
    alike = Answer(logits[:, None].expand(6, 3, 4), NONE, NONE, shares)

    torch.testing.assert_close(
        task_loss(alike, given, OURS), task_loss(Answer(logits, NONE, NONE), given, OURS)
    )


def test_a_leaf_that_has_the_whole_share_alone_is_answered_for() -> None:
    logits, given = batch()
    outputs = torch.stack((logits + 1000 * torch.eye(4)[0], logits), 1)  # the first is far off
    certain = torch.tensor([[-1e9, 0.0]]).expand(6, 2)

    torch.testing.assert_close(
        task_loss(Answer(outputs, NONE, NONE, certain), given, OURS),
        task_loss(Answer(logits, NONE, NONE), given, OURS),
    )
