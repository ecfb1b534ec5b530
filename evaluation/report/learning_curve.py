"""
How training went: accuracy over the epochs, a line for each network and a thin one beside it.

The thin one is of rows that it learnt from: how much it learnt by heart. The numbers are the
manifests' own (`origin.curve`).
"""

from collections.abc import Sequence

from evaluation.report.style import PALETTE, QUIET
from evaluation.report.svg import as_svg, axes
from model_store.manifest import TrainingOrigin
from model_store.store import Checkpoint

_STYLES = ("-", "--", ":")  # the next one where all colours are used


def learning_curves(checkpoints: Sequence[Checkpoint]) -> str:
    """
    Draw networks that were trained here, as SVG.

    Raises:
        EvaluationError: If matplotlib is not installed.
    """
    with axes() as (figure, plot):
        from matplotlib.ticker import MaxNLocator

        shown_by_heart = False
        for number, checkpoint in enumerate(checkpoints):
            style = _STYLES[number // len(PALETTE) % len(_STYLES)]
            colour = PALETTE[number % len(PALETTE)][0]
            held_out = _percent(checkpoint, "validation_accuracy")
            fitted = _percent(checkpoint, "fitted_accuracy")
            dot = "." if len(held_out) == 1 else ""  # one epoch is no line
            epochs = range(1, len(held_out) + 1)
            (line,) = plot.plot(epochs, held_out, style, marker=dot, color=colour, linewidth=1.2)
            line.set_label(checkpoint.name)
            plot.plot(range(1, len(fitted) + 1), fitted, style, marker=dot, color=colour, lw=0.5)
            shown_by_heart |= bool(fitted)
        if shown_by_heart:
            plot.plot([], [], color=QUIET, linewidth=0.5, label="thin: rows\nlearnt from")
        plot.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        plot.set_xlabel("epoch")
        plot.set_ylabel("hard accuracy on held-out rows, %")
        names = plot.legend(loc="lower right", fontsize=9)  # curves rise
        names.set_in_layout(False)  # long ones leave the curves their room
        return as_svg(figure, "Hard accuracy over epochs, on rows held out from training")


def _percent(checkpoint: Checkpoint, accuracy: str) -> list[float]:
    origin = checkpoint.manifest.origin
    if not isinstance(origin, TrainingOrigin):
        return []
    return [100 * each for each in origin.curve.get(accuracy, [])]
