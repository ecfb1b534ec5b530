"""
A field's samples from wherever they are, and which of them are held out for the test.

Covered:      a raster, or a function.
Not covered:  tables (`evaluation.tables`); how each is read (`evaluation.rasters`,
              `evaluation.functions`).
"""

from pathlib import Path

import numpy as np

from evaluation.errors import DatasetError
from evaluation.functions import is_function, sample_function
from evaluation.rasters import SUFFIXES, read_raster
from evaluation.samples import Samples
from evaluation.terrain import terrain

_SEED = 0  # of the rows that a function is sampled at, and of the test part
FORMS = f"a raster ({', '.join(SUFFIXES)}) or a function (MODULE:FUNCTION)"


def load(data: str, source: str | None, targets: tuple[str, ...], rows: int) -> Samples:
    """
    All samples of a recipe's `data` field; the rest as `load_field` has it.

    Raises:
        DatasetError: If a source is given where none is read, or the other way round.
    """
    if data == "terrain":
        if source is not None or targets:
            raise DatasetError(
                f"the terrain comes with matplotlib and no file is read, got {source or targets}; "
                "for a field of your own train the recipe field"
            )
        return terrain()
    if source is None:
        raise DatasetError(f"{FORMS} must be given, got none")
    return load_field(source, targets, rows)


def load_field(source: str, targets: tuple[str, ...], rows: int) -> Samples:
    """
    Read all samples of a field.

    Args:
        source: A file, or `MODULE:FUNCTION`.
        targets: Arrays of an archive to take; none for all that have the most axes.
        rows: That a function is sampled at: as many give the same ones each time.

    Raises:
        DatasetError: If it is neither, or cannot be read.
    """
    path = Path(source)
    if path.exists():
        if path.is_dir() or path.suffix.lower() not in SUFFIXES:
            raise DatasetError(f"{source}: {FORMS} was expected")
        return read_raster(path, targets).samples(path.name)
    if not is_function(source):
        raise DatasetError(f"{source}: {FORMS} was expected, there is no such file")
    return sample_function(source, rows, _SEED)


def divide(samples: Samples, share: float) -> tuple[Samples, Samples]:
    """
    Hold out the test part: the first rows of an order that is drawn once.

    It does not depend on a training run's seed: what tests a network must not have trained another
    (as of images, `evaluation.held_out`). NumPy's generator draws the same order everywhere:
    `default_rng(0).permutation(n)`.

    Returns:
        Rows to learn from, then the test part.

    Raises:
        DatasetError: If there is less than one row for either.
    """
    order = np.random.default_rng(_SEED).permutation(len(samples))
    held_out = int(share * len(samples))
    if not 0 < held_out < len(samples):
        raise DatasetError(
            f"{samples.name}: a share of {share:g} is held out as test part, which needs more rows "
            f"than {len(samples)}"
        )
    return (
        samples.take(order[held_out:], f"{samples.name} (training)"),
        samples.take(order[:held_out], f"{samples.name} (test)"),
    )
