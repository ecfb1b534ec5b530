"""
What can be wrong with what training, evaluation and comparison are given.

TrainingError
├── DatasetError       data that is missing, or is not what it should be
├── RecipeError        an unknown recipe or field, or a value a field cannot have
├── EvaluationError    a model and data (or a model and a model) that do not fit together
└── Diverged           a training run whose loss is no longer a number
"""


class TrainingError(ValueError):
    """Base of everything this package raises; the message is for the user."""


class DatasetError(TrainingError):
    """Data that is missing, or is not what it should be."""


class RecipeError(TrainingError):
    """An unknown recipe or field, or a value a field cannot have."""


class EvaluationError(TrainingError):
    """A model and data, or a model and a model, that do not fit together."""


class Diverged(TrainingError):
    """A training run whose loss is no longer a number."""
