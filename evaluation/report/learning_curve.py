"""
How training went: accuracy on the rows held out, over the epochs, a line for each network.

The numbers are the manifests' own (`origin.curve`).
"""

from collections.abc import Sequence

from evaluation.report.style import PALETTE
from evaluation.report.svg import as_svg, axes
from model_store.manifest import TrainingOrigin
from model_store.store import Checkpoint


def learning_curves(checkpoints: Sequence[Checkpoint]) -> str:
    """
    Draw networks that were trained here, as SVG.

    Raises:
        EvaluationError: If matplotlib is not installed.
    """
    with axes() as (figure, plot):
        for number, checkpoint in enumerate(checkpoints):
            percent = [100 * accuracy for accuracy in _accuracies(checkpoint)]
            epochs = range(1, len(percent) + 1)
            colour = PALETTE[number % len(PALETTE)][0]
            plot.plot(epochs, percent, color=colour, linewidth=1.2, label=checkpoint.name)
        plot.set_xlabel("epoch")
        plot.set_ylabel("hard validation accuracy, %")
        plot.legend(loc="lower right", fontsize=9)
        return as_svg(figure, "Hard validation accuracy over epochs")


def _accuracies(checkpoint: Checkpoint) -> list[float]:
    origin = checkpoint.manifest.origin
    if not isinstance(origin, TrainingOrigin):
        return []
    return origin.curve.get("validation_accuracy", [])
