"""Gradient descent on labelled images, and on what a teacher says of them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from evaluation.dataset import Pixels
from networks.run import Chain
from training.cycle import rate_of_cycle
from training.errors import Diverged
from training.vision.recipe import VisionRecipe

Advance = Callable[[int, int], None]
"""Told how many steps of how many are done."""

_MOST_GRADIENT = 1.0  # norm, of all parameters together: attention's first steps are rough


@dataclass(frozen=True, slots=True)
class Lessons:
    """
    What is learnt from.

    Attributes:
        images: Raw, `[n, pixels]`.
        labels: Classes, `[n]`, int64.
        decode: From raw pixels to the network's input, `[n, c, h, w]`.
        taught: A teacher's logits of each image, `[n, o]`; None without one.
    """

    images: Pixels
    labels: Tensor
    decode: Callable[[Pixels], Tensor]
    taught: Tensor | None = None


def descend(
    network: Chain,
    lessons: Lessons,
    recipe: VisionRecipe,
    epochs: float,
    learning_rate: float,
    advance: Advance,
) -> None:
    """
    Train a network by AdamW, in one cycle of the rate.

    The order of the images is drawn by torch's generator.

    Args:
        network: Changed in place.
        lessons: What is learnt from.
        recipe: Images of a step, weight decay, the teacher's part.
        epochs: Times that every image is seen; of a part of one, so many steps.
        learning_rate: The highest.
        advance: Told of steps.

    Raises:
        Diverged: If the loss is no longer a number.
    """
    network.train()
    optimiser = torch.optim.AdamW(
        network.parameters(), learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    an_epoch = -(-len(lessons.labels) // recipe.batch_images)
    steps = round(epochs * an_epoch)
    for step in range(steps):
        if step % an_epoch == 0:
            order = torch.split(torch.randperm(len(lessons.labels)), recipe.batch_images)
        for group in optimiser.param_groups:
            group["lr"] = rate_of_cycle(learning_rate, step / steps)
        loss = _loss(network, lessons, order[step % an_epoch], recipe)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), _MOST_GRADIENT)
        if not torch.isfinite(norm):
            raise Diverged(
                f"the loss must stay a number, got {loss.item()} in step {step + 1} of {steps}; "
                f"the usual cure is a lower learning rate than {learning_rate:g}"
            )
        optimiser.step()
        advance(step + 1, steps)


def _loss(network: Chain, lessons: Lessons, rows: Tensor, recipe: VisionRecipe) -> Tensor:
    logits = network(lessons.decode(lessons.images[rows.numpy()]))
    of_classes = F.cross_entropy(logits, lessons.labels[rows])
    if lessons.taught is None:
        return of_classes
    # Softening by T makes gradients smaller by T squared (arXiv:1503.02531, section 2).
    temperature, weight = recipe.teacher_temperature, recipe.teacher_weight
    softened = torch.softmax(lessons.taught[rows] / temperature, 1)
    to_teacher = F.cross_entropy(logits / temperature, softened)
    return (1 - weight) * of_classes + weight * temperature**2 * to_teacher
