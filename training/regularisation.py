"""
How much of its views and its teacher a network gets: less and less, unless it learns by heart.

Both keep a wide network from learning rows by heart, and cost a narrow one what it could have
learnt of images and classes as they are. Which of the two a network is, its errors say: how much
fewer it makes on rows that it learns from than on those held out. To let overfitting decide is the
idea of Karras et al.'s adaptive augmentation (arXiv:2006.06676); that a narrow pupil should outgrow
its teacher is Cho and Hariharan's (arXiv:1910.01348). Figures: docs/decisions/0019-our-recipe.md.
"""

from collections.abc import Sequence

from training.epoch import Epoch

OVERFITTED = 0.25
"""Share of the held-out rows' errors that fitted rows lack, from which on it grows."""
GROWN_IN = 1 / 3
"""Part of the training in which it grows from nothing to all."""


def regularisation_of_next(epochs: Sequence[Epoch], all_epochs: int) -> float:
    """
    Say how much of it the next epoch has, 0 to 1.

    Args:
        epochs: Those before it.
        all_epochs: Most that are trained.
    """
    step, least = 1 / (GROWN_IN * all_epochs), 0.0
    for epoch in epochs:
        fitted, held_out = 1 - epoch.fitted_accuracy, 1 - epoch.validation_accuracy
        overfitted = held_out - fitted > OVERFITTED * held_out
        least = min(1.0, max(0.0, least + (step if overfitted else -step)))
    return max(1 - len(epochs) / all_epochs, least)
