"""
How training went: accuracy over the epochs, a line for each network and a thin one beside it.

The thin one is of rows that it learnt from: how much it learnt by heart.

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
            colour = PALETTE[number % len(PALETTE)][0]
            held_out = _percent(checkpoint, "validation_accuracy")
            fitted = _percent(checkpoint, "fitted_accuracy")
            epochs = range(1, len(held_out) + 1)
            plot.plot(epochs, held_out, color=colour, linewidth=1.2, label=checkpoint.name)
            plot.plot(epochs[: len(fitted)], fitted, color=colour, linewidth=0.5)
        plot.set_xlabel("epoch")
        plot.set_ylabel("hard accuracy, %, held-out rows (thin: rows learnt from)")
        plot.legend(loc="lower right", fontsize=9)
        return as_svg(figure, "Hard accuracy on held-out and on fitted rows over epochs")


def _percent(checkpoint: Checkpoint, accuracy: str) -> list[float]:
    origin = checkpoint.manifest.origin
    if not isinstance(origin, TrainingOrigin):
        return []
    return [100 * each for each in origin.curve.get(accuracy, [])]
