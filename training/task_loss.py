"""
The loss of the task: the classes' cross entropy and, with a teacher, that to its outputs.

Shape letters: see `fff.weights`.
"""

import torch
import torch.nn.functional as F
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
    logits = answer.logits
    if answer.log_shares is None:
        return _losses(logits, batch.labels, batch.taught, recipe).mean()
    leaves = logits.shape[1]
    labels = batch.labels.repeat_interleave(leaves)
    taught = None if batch.taught is None else batch.taught.repeat_interleave(leaves, 0)
    losses = _losses(logits.flatten(0, 1), labels, taught, recipe).view(-1, leaves)
    return -torch.logsumexp(answer.log_shares - losses, 1).mean()


def _losses(logits: Tensor, labels: Tensor, taught: Tensor | None, recipe: Recipe) -> Tensor:
    """Cross entropy, a part of it to the teacher's outputs, both softened (arXiv:1503.02531)."""
    of_classes = F.cross_entropy(logits, labels, reduction="none")
    if taught is None:
        return of_classes
    weight, temperature = recipe.teacher_weight, recipe.teacher_temperature
    softened = torch.softmax(taught / temperature, 1)
    # Softening by T makes gradients smaller by T squared: its own section 2.
    to_teacher = F.cross_entropy(logits / temperature, softened, reduction="none")
    return (1 - weight) * of_classes + weight * temperature**2 * to_teacher
