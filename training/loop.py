"""
Training one network: the loss, the epochs, and the weights of the best of them.

An FFF learns softly, every leaf mixed in, under
`cross entropy + h * hardening + alpha * load balance`; it is judged after every epoch by what
will be served, its hard accuracy on the part of the training data that was held out. The test
data has no say. The dense twin goes through the same loop under cross entropy alone.

Covered:      the same weights, bit by bit, for the same recipe, data and seed on the same
              machine and torch version: one thread, one seeded generator.
Not covered:  GPUs. On one CPU core an epoch over MNIST takes seconds.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from evaluation.datasets import Dataset
from evaluation.errors import DatasetError
from evaluation.evaluate import CPU, accuracy, hard_pass
from fff.backends import build_backend
from fff.layers import FFF, Dense
from fff.objectives import hard_leaves, hardening, load_balance
from fff.weights import Weights
from training.errors import Diverged
from training.recipe import Recipe
from training.selection import Selection

Network = FFF | Dense
Kind = Literal["fff", "dense"]


@dataclass(frozen=True, slots=True)
class Task:
    """
    What to train.

    Attributes:
        model: The network's name, for progress and messages.
        kind: `fff`, or `dense` for the twin.
        fitted: Images and classes to learn from.
        validation: Images and classes to choose the epoch by; none of them is learnt from.
        classes: Number of classes, the output width `o`.
    """

    model: str
    kind: Kind
    fitted: Dataset
    validation: Dataset
    classes: int


@dataclass(frozen=True, slots=True)
class Epoch:
    """
    One epoch that has been trained and judged.

    Attributes:
        model: Name of the model in training.
        number: The epoch's, counted from 1.
        epochs: Most epochs that will be trained.
        loss: Mean training loss over the epoch's rows.
        hardening: Mean entropy of the decisions, in nats; 0 for a dense network.
        validation_accuracy: Hard accuracy on the held-out rows.
        kept: Whether it is the best so far.
    """

    model: str
    number: int
    epochs: int
    loss: float
    hardening: float
    validation_accuracy: float
    kept: bool


Progress = Callable[[Epoch], None]


@dataclass(frozen=True, slots=True)
class Fit:
    """
    A trained network.

    Attributes:
        weights: Of the best epoch, float32, detached.
        best: The epoch that the weights come from.
        epochs: Number of epochs trained.
    """

    weights: Weights
    best: Epoch
    epochs: int


def split(data: Dataset, share: float, seed: int) -> tuple[Dataset, Dataset]:
    """
    Hold out a share of the rows, drawn by the seed: the fitted part, then the validation part.

    Raises:
        DatasetError: If there is less than one row for each.
    """
    if len(data) < 2:
        raise DatasetError(f"{data.name}: training needs at least 2 rows, got {len(data)}")
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed)).numpy()
    held_out = max(1, round(share * len(data)))
    return _part(data, order[held_out:], "fitted"), _part(data, order[:held_out], "validation")


def fit(task: Task, recipe: Recipe, seed: int, progress: Progress) -> Fit:
    """
    Train a network and keep the epoch that is best on the validation rows.

    Args:
        task: The network's kind and the rows to fit and to validate it on.
        recipe: Shape of the network, weights of the losses, optimiser, epochs and patience.
        seed: Of initialisation, order of rows, region leak and dropout.
        progress: Called with every epoch after it was judged.

    Raises:
        Diverged: If the loss is no longer a number.
    """
    selection = Selection(recipe.patience, recipe.hardening_ramp_epochs)
    best: Epoch | None = None
    number = 0
    with _repeatable(seed):
        network = _build(task, recipe)
        optimiser = _optimiser(recipe, network)
        best_state = network.state_dict()
        while number < recipe.epochs and not selection.is_over(number):
            number += 1
            loss, entropy = _train_epoch(task, recipe, network, optimiser, number)
            hard_accuracy = _validate(task, recipe, network)
            keep = selection.keeps(number, hard_accuracy)
            epoch = Epoch(task.model, number, recipe.epochs, loss, entropy, hard_accuracy, keep)
            if keep:
                best, best_state = epoch, copy.deepcopy(network.state_dict())
            progress(epoch)
    assert best is not None, "no epoch was trained. This is a bug."
    network.load_state_dict(best_state)
    return Fit(network.weights(), best, number)


@contextmanager
def _repeatable(seed: int) -> Iterator[None]:
    # More threads would add up partial sums in another order, and other bits.
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def _build(task: Task, recipe: Recipe) -> Network:
    inputs, act, dropout = task.fitted.images.shape[1], recipe.activation, recipe.leaf_dropout
    if task.kind == "dense":
        return Dense(inputs, task.classes, recipe.training_width, act, dropout)
    return FFF(
        inputs,
        task.classes,
        recipe.depth,
        recipe.leaf_width,
        act,
        recipe.master_width,
        recipe.region_leak,
        dropout,
    )


def _optimiser(recipe: Recipe, network: Network) -> torch.optim.Optimizer:
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(network.parameters(), rate, weight_decay=decay)
    return torch.optim.AdamW(network.parameters(), rate, weight_decay=decay)


def _train_epoch(
    task: Task, recipe: Recipe, network: Network, optimiser: torch.optim.Optimizer, number: int
) -> tuple[float, float]:
    network.train()
    data, h = task.fitted, recipe.hardening_at(number)
    order = torch.randperm(len(data)).numpy()
    losses = entropies = 0.0
    for start in range(0, len(data), recipe.batch_rows):
        rows = order[start : start + recipe.batch_rows]
        x = torch.from_numpy(recipe.scaling.decode(data.images[rows]))  # [n, i]
        y = torch.from_numpy(data.labels[rows])  # [n]
        loss, entropy = _loss(network, x, y, h, recipe.load_balance)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        optimiser.step()
        losses += loss.item() * len(rows)
        entropies += entropy.item() * len(rows)
    if not np.isfinite(losses):
        raise Diverged(
            f"the loss of {task.model!r} must stay a number, got {losses} in epoch {number}; "
            f"the usual cure is a lower learning_rate than {recipe.learning_rate:g}"
        )
    return losses / len(data), entropies / len(data)


def _loss(network: Network, x: Tensor, y: Tensor, h: float, alpha: float) -> tuple[Tensor, Tensor]:
    if isinstance(network, Dense):
        return F.cross_entropy(network(x), y), x.new_zeros(())
    soft = network.soft(x)
    entropy = hardening(soft.scores)
    loss = F.cross_entropy(soft.logits, y) + h * entropy
    if alpha:
        loss = loss + alpha * load_balance(soft.mixture, hard_leaves(soft.scores))
    return loss, entropy.detach()


def _validate(task: Task, recipe: Recipe, network: Network) -> float:
    backend = build_backend(network.weights(), CPU)
    classes, _ = hard_pass(backend, recipe.scaling, task.validation.images)
    return accuracy(classes, task.validation.labels)


def _part(data: Dataset, rows: npt.NDArray[np.int64], name: str) -> Dataset:
    return Dataset(data.images[rows], data.labels[rows], f"{data.name}, {name}")
