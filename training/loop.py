"""
Training one network: the loss, the epochs, and the weights of the one that is kept.

The task is the classes' cross entropy and, with a teacher, that to its softened outputs; what a
family is charged for beside it is its learner's (`training.learners`). A network is judged after
every epoch by what will be served, its hard accuracy on the part of the training data that was
held out. That decides how long views and teacher stay (`training.regularisation`) and, of a
constant learning rate, which epoch is kept; one cycle keeps its last. The test data has no say.
Every family goes through this loop.

Covered:      the same weights, bit by bit, for the same recipe, data and seed on the same
              machine and torch version, whether or not the run was interrupted: one thread, one
              seeded generator.
Not covered:  GPUs. On one CPU core an epoch over MNIST takes a second.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from evaluation.calibration import fit_temperature
from evaluation.dataset import Dataset
from evaluation.errors import DatasetError
from evaluation.evaluate import CPU, accuracy, hard_logits, hard_pass
from evaluation.samples import Samples
from fff.temperature import divide_logits
from fff.weights import Weights
from networks.backends import build_backend
from training.batches import Batches
from training.coordinates import Coordinates
from training.epoch import Epoch, Progress
from training.errors import Diverged
from training.interruption import Interruption, State
from training.learners import Learner, Moment, build_learner
from training.recipe import Recipe
from training.regularisation import regularisation_of_next
from training.selection import Selection
from training.task_loss import task_loss

Data = TypeVar("Data", Dataset, Samples)


@dataclass(frozen=True, slots=True)
class Task:
    """
    What to train.

    Attributes:
        model: The network's name, for progress and messages.
        rows: To learn from.
        coordinates: That `rows` are in; None for scaled pixels.
        fitted: Images and classes of some of the rows, as they are, to compare with `validation`.
        validation: Images and classes to judge epochs by; none of them is learnt from.
        classes: Number of classes, the output width `o`.
    """

    model: str
    rows: Batches
    coordinates: Coordinates | None
    fitted: Dataset
    validation: Dataset
    classes: int


@dataclass(frozen=True, slots=True)
class Fit:
    """
    A trained network.

    Attributes:
        weights: Of the kept epoch, float32, detached; their logits are divided by `temperature`.
        temperature: The one that makes the validation rows' classes likeliest (arXiv:1706.04599);
            it changes how sure a network is, and no class.
        best: The epoch that the weights come from.
        epochs: All that were trained, in order.
    """

    weights: Weights
    temperature: float
    best: Epoch
    epochs: list[Epoch]


def split(data: Data, share: float, seed: int) -> tuple[Data, Data]:
    """
    Hold out a share of the rows, drawn by the seed: the fitted part, then the validation part.

    Raises:
        DatasetError: If there is less than one row for each.
    """
    if len(data) < 2:
        raise DatasetError(f"{data.name}: training needs at least 2 rows, got {len(data)}")
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed)).numpy()
    held_out = max(1, round(share * len(data)))
    return (
        data.take(order[held_out:], f"{data.name}, fitted"),
        data.take(order[:held_out], f"{data.name}, validation"),
    )


def fit(
    task: Task,
    recipe: Recipe,
    seed: int,
    progress: Progress,
    interruption: Interruption | None = None,
) -> Fit:
    """
    Train a network and keep the epoch that is best on the validation rows; of one cycle the last.

    Args:
        task: The rows to fit and to validate on.
        recipe: Shape of the network, weights of the losses, optimiser, epochs and patience.
        seed: Of initialisation, order of rows, views, region leak and dropout.
        progress: Called with every epoch after it was judged; of a resumed run with the earlier
            ones too.
        interruption: Where the run notes how far it is, and finds how far it was.

    Raises:
        Diverged: If the loss is no longer a number.
    """
    with repeatable(seed):
        state = _start(task, recipe)
        if interruption is not None:
            interruption.resume(state, task.model)
        for epoch in state.epochs:
            progress(epoch)
        while not _is_over(state, recipe):
            if len(state.epochs) == recipe.epochs:
                state.back_to_best()
                state.optimiser = _optimiser(recipe, state.learner)
            epoch = _next_epoch(task, recipe, state)
            state.add(epoch)
            progress(epoch)
            if interruption is not None:
                interruption.note(state, _is_over(state, recipe))
        state.back_to_best()
        weights, temperature = _calibrated(task, recipe, _served(task, state.learner))
        return Fit(weights, temperature, state.best, state.epochs)


@contextmanager
def repeatable(seed: int) -> Iterator[None]:
    """
    One thread and one seeded generator; those of before are put back.

    More threads would add up partial sums in another order, and other bits. Numbers too small for
    float32's full precision count as 0: shares of leaves are full of them, and a processor takes
    a hundred times as long over each. Afterwards they count again, whatever was set before: torch
    cannot tell what that was.
    """
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        torch.set_flush_denormal(True)
        try:
            yield
        finally:
            torch.set_flush_denormal(False)
            torch.set_num_threads(threads)


def _start(task: Task, recipe: Recipe) -> State:
    learner = build_learner(recipe, task.rows.width, task.classes)
    # A cycle cools down to its last epoch; one before it that does better is lucky.
    first = recipe.epochs if recipe.schedule == "one_cycle" else 1
    selection = Selection(recipe.patience, recipe.hardening_ramp_epochs, first)
    return State(learner, _optimiser(recipe, learner), selection)


def _is_over(state: State, recipe: Recipe) -> bool:
    done = len(state.epochs)
    first_is_over = done >= recipe.epochs or state.selection.is_over(done)
    return done >= recipe.all_epochs or (first_is_over and not recipe.second_epochs)


def _optimiser(recipe: Recipe, learner: Learner) -> torch.optim.Optimizer:
    parameters, rate = learner.network.parameters(), recipe.learning_rate
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(parameters, rate, weight_decay=recipe.weight_decay)
    return torch.optim.AdamW(parameters, rate, weight_decay=recipe.weight_decay, fused=True)


def _next_epoch(task: Task, recipe: Recipe, state: State) -> Epoch:
    number, epochs = len(state.epochs) + 1, recipe.all_epochs
    part = regularisation_of_next(state.epochs, epochs)
    loss, entropy = _train_epoch(task, recipe, state, number, part)
    backend = build_backend(_served(task, state.learner), CPU)
    fitted, held_out = (
        accuracy(hard_pass(backend, recipe.scaling, judged.images)[0], judged.labels)
        for judged in (task.fitted, task.validation)
    )
    keep = state.selection.keeps(number, held_out)
    return Epoch(task.model, number, epochs, loss, entropy, part, fitted, held_out, keep)


def _train_epoch(
    task: Task, recipe: Recipe, state: State, number: int, regularisation: float
) -> tuple[float, float]:
    state.learner.network.train()
    steps = torch.split(torch.randperm(len(task.rows)), recipe.batch_rows)
    losses = entropies = 0.0
    for step, rows in enumerate(steps):
        share = (number - 1 + step / len(steps)) / recipe.all_epochs
        for group in state.optimiser.param_groups:
            group["lr"] = recipe.learning_rate_at(share)
        batch = task.rows.take(rows, regularisation)
        answer = state.learner.answer(batch.x, Moment(number, share))
        loss = task_loss(answer, batch, recipe, regularisation) + answer.penalty
        state.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        state.optimiser.step()
        losses += loss.item() * len(rows)
        entropies += answer.entropy.item() * len(rows)
    if not np.isfinite(losses):
        raise Diverged(
            f"the loss of {task.model!r} must stay a number, got {losses} in epoch {number}; "
            f"the usual cure is a lower learning_rate than {recipe.learning_rate:g}"
        )
    return losses / len(task.rows), entropies / len(task.rows)


def _served(task: Task, learner: Learner) -> Weights:
    weights = learner.weights()
    return weights if task.coordinates is None else task.coordinates.fold(weights)


def _calibrated(task: Task, recipe: Recipe, weights: Weights) -> tuple[Weights, float]:
    validation = task.validation
    logits, _ = hard_logits(build_backend(weights, CPU), recipe.scaling, validation.images)
    temperature = fit_temperature(logits, validation.labels)
    return divide_logits(weights, temperature), temperature
