"""
A teacher: a network whose logits are learnt from beside the classes (arXiv:1503.02531).

Either a multilayer perceptron trained here on the same rows, or any model of the store. It sees
the very view of an image that its pupil sees. One that is trained here has never seen a row that
was held out; of a model from the store nobody knows.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from evaluation.dataset import Dataset, Pixels
from evaluation.errors import EvaluationError
from evaluation.evaluate import CPU, scaling_of
from model_store.manifest import Uint8Scaling
from model_store.store import Checkpoint
from networks.backends import build_backend
from training.batches import Batches, Teacher
from training.cache import Kept
from training.coordinates import Coordinates

# Two hidden layers of 512 with dropout reach 98.8 % on MNIST (2026-11-27).
HIDDEN, DROPOUT = 512, 0.2
EPOCHS, BATCH_ROWS, LEARNING_RATE = 20, 128, 2e-3

Advance = Callable[[int, int], None]
"""Told how many epochs of how many are trained."""


def train_teacher(
    rows: Callable[[], Batches],
    width: int,
    classes: int,
    coordinates: Coordinates | None,
    scaling: Uint8Scaling,
    kept: Kept,
    advance: Advance,
) -> Teacher:
    """
    Train a multilayer perceptron, or read the one that these rows once gave.

    Args:
        rows: Makes those to learn from, in views such as its pupils will see; called if needed.
        width: Of these rows.
        classes: `o`.
        coordinates: Those of `rows`.
        scaling: That of `rows`.
        kept: Where it is kept for the next pupil.
        advance: Called after every epoch.
    """
    network = _perceptron(width, classes)
    known = kept.read()
    if known is None:
        _train(network, rows(), advance)
        kept.write(network.state_dict(), {})
    else:
        network.load_state_dict(known[0])
    network.eval()

    @torch.inference_mode()
    def logits(pixels: Pixels) -> Tensor:
        x = torch.from_numpy(scaling.decode(pixels))  # [n, i]
        answer: Tensor = network(x if coordinates is None else coordinates.of(x))
        return answer

    return logits


def stored_teacher(checkpoint: Checkpoint, data: Dataset, classes: int) -> Teacher:
    """
    Let a model of the store teach.

    Args:
        checkpoint: The model.
        data: What it is to teach.
        classes: `o`.

    Raises:
        EvaluationError: If it takes other images, gives other classes, or its manifest does not
            say how pixels become its input.
    """
    widths = (checkpoint.weights.input_width, checkpoint.weights.output_width)
    wanted = (data.images.shape[1], classes)
    if widths != wanted:
        raise EvaluationError(
            f"a teacher must take and give {list(wanted)} numbers a row, "
            f"{checkpoint.name!r} has {list(widths)}"
        )
    scaling, backend = scaling_of(checkpoint), build_backend(checkpoint.weights, CPU)
    return lambda pixels: backend.infer(torch.from_numpy(scaling.decode(pixels))).logits


def _perceptron(inputs: int, classes: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, HIDDEN),
        nn.ReLU(),
        nn.Dropout(DROPOUT),
        nn.Linear(HIDDEN, HIDDEN),
        nn.ReLU(),
        nn.Dropout(DROPOUT),
        nn.Linear(HIDDEN, classes),
    )


def _train(network: nn.Module, rows: Batches, advance: Advance) -> None:
    steps = EPOCHS * -(-len(rows) // BATCH_ROWS)
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, LEARNING_RATE, steps, pct_start=0.1, cycle_momentum=False
    )
    for epoch in range(1, EPOCHS + 1):
        for numbers in torch.split(torch.randperm(len(rows)), BATCH_ROWS):
            batch = rows.take(numbers)
            loss = F.cross_entropy(network(batch.x), batch.labels)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            optimiser.step()
            schedule.step()
        advance(epoch, EPOCHS)
