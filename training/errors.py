"""
What only training raises; the base, and errors about data, are those of `evaluation.errors`.

TrainingError
├── RecipeError        an unknown recipe or field, or a value a field cannot have
├── Diverged           a training run whose loss is no longer a number
└── NetworksFailed     several networks of a grid that could not be trained
"""

from evaluation.errors import TrainingError


class RecipeError(TrainingError):
    """An unknown recipe or field, or a value a field cannot have."""


class Diverged(TrainingError):
    """A training run whose loss is no longer a number."""


class NetworksFailed(TrainingError):
    """Several networks of a grid that could not be trained, each for a reason of its own."""
