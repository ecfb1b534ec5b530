"""Images written to folders named by their class."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from evaluation.dataset import Pixels

LABELS = np.repeat([0, 1, 2], 10)
GREY = np.random.RandomState(0).randint(0, 256, (30, 4, 6)).astype(np.uint8)


def write_class_folders(
    folder: Path, images: Pixels, labels: npt.NDArray[np.integer], suffix: str = ".png"
) -> None:
    """`folder/LABEL/NUMBER.png` of images `[n, h, w]` or `[n, h, w, 3]`."""
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / str(label) / f"{number:05}{suffix}")
