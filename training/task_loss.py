"""
The loss of the task: the classes' cross entropy and, with a teacher, that to its outputs.

Shape letters: see `fff.weights`.
"""

import torch
from torch import Tensor

from training.batches import Batch
from training.learners import Answer
from training.recipe import Recipe


def task_loss(answer: Answer, batch: Batch, recipe: Recipe) -> Tensor:
    """
    Mean loss of the rows.

    Where each leaf answers for itself it is, as if `exp(-loss)` were a probability, that of the
    mixture: `-log sum_j share_j exp(-loss_j)` (Jacobs et al., Adaptive mixtures of local
    experts, 1991).
    """
    if answer.log_shares is None:
        return _losses(answer.logits[:, None], batch, recipe).mean()
    losses = _losses(answer.logits, batch, recipe)
    return -torch.logsumexp(answer.log_shares - losses, 1).mean()


def _losses(logits: Tensor, batch: Batch, recipe: Recipe) -> Tensor:
    """
    Cross entropy, a part of it to the teacher's outputs, both softened (arXiv:1503.02531).

    Args:
        logits: Of each leaf, `[n, leaves, o]`.
        batch: Its rows' classes, and what the teacher said of them.
        recipe: Weight and temperature of the teacher's part.

    Returns:
        `[n, leaves]`.
    """
    # Not by `cross_entropy`, slow over many rows of ten: an epoch of competing leaves took 1.37 s
    # with it, 0.97 s without (MNIST, 16 leaves, one thread, 2026-11-27).
    of_class = batch.labels[:, None, None].expand(-1, logits.shape[1], 1)
    of_classes = torch.logsumexp(logits, 2) - logits.gather(2, of_class)[:, :, 0]
    if batch.taught is None:
        return of_classes
    weight, temperature = recipe.teacher_weight, recipe.teacher_temperature
    softened = torch.softmax(batch.taught / temperature, 1)  # [n, o]
    cooler = logits / temperature
    to_teacher = torch.logsumexp(cooler, 2) - (cooler @ softened[:, :, None])[:, :, 0]
    # Softening by T makes gradients smaller by T squared: its own section 2.
    return (1 - weight) * of_classes + weight * temperature**2 * to_teacher
