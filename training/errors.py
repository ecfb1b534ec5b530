"""
What only training raises; the base, and errors about data, are those of `evaluation.errors`.

TrainingError
├── RecipeError        an unknown recipe or field, or a value a field cannot have
└── Diverged           a training run whose loss is no longer a number
"""

from evaluation.errors import TrainingError


class RecipeError(TrainingError):
    """An unknown recipe or field, or a value a field cannot have."""


class Diverged(TrainingError):
    """A training run whose loss is no longer a number."""
