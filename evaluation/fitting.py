"""
Whether a network can be measured on data: pixels that it can take, classes that it knows.

Covered:      the scaling of a manifest; widths, rows, labels; images of a folder; finite answers.
Not covered:  what is measured (`evaluation.evaluate`).
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from evaluation.class_folders import some
from evaluation.dataset import Dataset, Labels, Pixels
from evaluation.errors import EvaluationError
from model_store.manifest import Uint8Scaling
from model_store.store import Checkpoint


def scaling_of(checkpoint: Checkpoint) -> Uint8Scaling:
    """
    Return how raw pixels become this network's input.

    Raises:
        EvaluationError: If its manifest has no uint8 scaling.
    """
    if checkpoint.manifest.uint8 is None:
        raise EvaluationError(
            f"model {checkpoint.name!r} version {checkpoint.version} has no uint8 scale and "
            "shift in its manifest, which raw pixels need; import it again with "
            "--uint8-scale and --uint8-shift"
        )
    return checkpoint.manifest.uint8


def check_data(checkpoint: Checkpoint, images: Pixels, labels: Labels | None) -> None:
    """
    Refuse data that a model cannot be measured on.

    Raises:
        EvaluationError: Naming the shape or the classes expected, and those given.
    """
    manifest, name = checkpoint.manifest, checkpoint.name
    if images.ndim != 2 or images.shape[1] != manifest.input_width or len(images) == 0:
        raise EvaluationError(
            f"model {name!r} takes images [n, {manifest.input_width}], n >= 1; "
            f"got {list(images.shape)}"
        )
    if labels is not None:
        _check_labels(checkpoint, len(images), labels)


def check_finite(checkpoint: Checkpoint, logits: npt.NDArray[np.float32]) -> None:
    """
    Refuse what a model gave, `[n, o]`, if a row of it is not finite.

    Raises:
        EvaluationError: Naming the number of rows.
    """
    wrong = len(logits) - int(np.isfinite(logits).all(1).sum())
    if wrong:
        raise EvaluationError(
            f"model {checkpoint.name!r} gives numbers that are not finite for {wrong} of "
            f"{len(logits)} images"
        )


def fitted_to(checkpoint: Checkpoint, data: Dataset) -> tuple[Dataset, str]:
    """
    Fit images of a folder to a model: white, 255 in a file, becomes the pixel that it scales to 1.

    So `predict` reads a file. Pixels that are no brighter than that are taken to be scaled already.

    Returns:
        The images, and what has been done to them, for their user; empty for nothing.

    Raises:
        EvaluationError: The images are of another size than the model's, or the folders of classes
            are not as many: these are numbered by name, so a missing one moves others.
    """
    manifest, names = checkpoint.manifest, data.class_names or ()
    if data.images.shape[1] != manifest.input_width:
        raise EvaluationError(
            f"model {checkpoint.name!r} takes images of {manifest.input_width} pixels, {data.name} "
            f"has {list(data.image_shape or ())}; --image-size (and --grey) change that"
        )
    if len(names) != manifest.output_width:
        raise EvaluationError(
            f"model {checkpoint.name!r} knows {manifest.output_width} classes, {data.name} has "
            f"{len(names)} folders of classes: {some(names)}; a class without images needs an "
            "empty one"
        )
    white = white_of(scaling_of(checkpoint))
    if data.images.max() <= white:
        return data, ""
    shades = np.rint(np.arange(256) * (white / 255)).astype(np.uint8)
    return replace(data, images=shades[data.images]), f"pixels 0 (black) to {white} (white)"


def white_of(scaling: Uint8Scaling) -> int:
    """The pixel that is scaled to 1, as on the page: 16 of scikit-learn's digits, else 255."""
    white = round((1 - scaling.shift) / scaling.scale) if scaling.scale else 255
    return max(1, min(255, white or 255))


def _check_labels(checkpoint: Checkpoint, rows: int, labels: Labels) -> None:
    manifest, name = checkpoint.manifest, checkpoint.name
    if labels.shape != (rows,):
        raise EvaluationError(
            f"labels must be [{rows}], one for each image; got {list(labels.shape)}"
        )
    if labels.min() < 0 or labels.max() >= manifest.output_width:
        raise EvaluationError(
            f"model {name!r} knows classes 0 to {manifest.output_width - 1}; "
            f"got labels {labels.min()} to {labels.max()}"
        )
