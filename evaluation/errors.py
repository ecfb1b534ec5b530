"""
What can be wrong with the data or the models given to evaluation, comparison and training.

TrainingError
├── DatasetError       data that is missing, or is not what it should be
├── EvaluationError    a model and data (or a model and a model) that do not fit together
└── what only training raises: `training.errors`
"""


class TrainingError(ValueError):
    """Base of everything that evaluation and training raise; the message is for the user."""


class DatasetError(TrainingError):
    """Data that is missing, or is not what it should be."""


class EvaluationError(TrainingError):
    """A model and data, or a model and a model, that do not fit together."""
