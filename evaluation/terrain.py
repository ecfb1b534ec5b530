"""
The demo's field: Shuttle Radar elevations of a valley in Tennessee, which come with matplotlib.

344 x 403 cells in metres, in the public domain as a work of the US government.
"""

from dataclasses import replace
from pathlib import Path

from evaluation.errors import DatasetError
from evaluation.rasters import read_raster
from evaluation.samples import Samples
from fff.extras import needs_extra


def terrain() -> Samples:
    """
    Every cell, by its row and column in the file, from -1 to 1.

    Raises:
        DatasetError: If matplotlib is not installed.
    """
    try:
        from matplotlib.cbook import get_sample_data
    except ImportError as exc:
        what = "the data set terrain, which comes with matplotlib,"
        raise DatasetError(needs_extra(what, "train")) from exc
    file = Path(get_sample_data("jacksboro_fault_dem.npz", asfileobj=False))
    samples = read_raster(file, ("elevation",)).samples("terrain")
    targets = tuple(replaced.model_copy(update={"unit": "m"}) for replaced in samples.targets or ())
    return replace(samples, targets=targets)
