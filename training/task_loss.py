"""
The loss of the task: the classes' cross entropy and, with a teacher, that to its outputs.

Shape letters: see `fff.weights`.
"""

import torch
from torch import Tensor

from training.batches import Batch
from training.learners import Answer
from training.recipe import Recipe


def task_loss(answer: Answer, batch: Batch, recipe: Recipe, regularisation: float = 1.0) -> Tensor:
    """
    Mean loss of the rows.

    Where each leaf answers for itself it is, as if `exp(-loss)` were a probability, that of the
    mixture: `-log sum_j share_j exp(-loss_j)` (Jacobs et al., Adaptive mixtures of local
    experts, 1991).

    Args:
        answer: To the batch.
        batch: Classes, and what a teacher said.
        recipe: Weight and temperature of the teacher's part.
        regularisation: Part of that weight that is in force, 0 to 1.
    """
    weight = regularisation * recipe.teacher_weight
    if answer.log_shares is None:
        return _losses(answer.logits[:, None], batch, weight, recipe.teacher_temperature).mean()
    losses = _losses(answer.logits, batch, weight, recipe.teacher_temperature)
    return -torch.logsumexp(answer.log_shares - losses, 1).mean()


def _losses(logits: Tensor, batch: Batch, weight: float, temperature: float) -> Tensor:
    """
    Cross entropy, a part of it to the teacher's outputs, both softened (arXiv:1503.02531).

    Args:
        logits: Of each leaf, `[n, leaves, o]`.
        batch: Its rows' classes, and what the teacher said of them.
        weight: Of the teacher's part, 0 to 1.
        temperature: Of both softmaxes there.

    Returns:
        `[n, leaves]`.
    """
    # Not by `cross_entropy`, slow over many rows of ten: an epoch of competing leaves took 1.37 s
    # with it, 0.97 s without (MNIST, 16 leaves, one thread, 2026-11-27).
    of_class = batch.labels[:, None, None].expand(-1, logits.shape[1], 1)
    of_classes = torch.logsumexp(logits, 2) - logits.gather(2, of_class)[:, :, 0]
    if batch.taught is None:
        return of_classes
    softened = torch.softmax(batch.taught / temperature, 1)  # [n, o]
    cooler = logits / temperature
    to_teacher = torch.logsumexp(cooler, 2) - (cooler @ softened[:, :, None])[:, :, 0]
    # Softening by T makes gradients smaller by T squared: its own section 2.
    return (1 - weight) * of_classes + weight * temperature**2 * to_teacher
