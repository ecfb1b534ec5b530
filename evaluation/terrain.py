"""
The demo's field: Shuttle Radar elevations of a valley in Tennessee, which come with matplotlib.

344 x 403 cells in metres, in the public domain as a work of the US government.
"""

from dataclasses import replace
from importlib.util import find_spec
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
    package = find_spec("matplotlib")  # of which a file is read, and nothing imported
    if package is None or package.origin is None:
        what = "the data set terrain, which comes with matplotlib,"
        raise DatasetError(needs_extra(what, "train"))
    file = Path(package.origin).parent / "mpl-data" / "sample_data" / "jacksboro_fault_dem.npz"
    samples = read_raster(file, ("elevation",)).samples("terrain")
    targets = tuple(target.model_copy(update={"unit": "m"}) for target in samples.targets or ())
    return replace(samples, targets=targets)
