"""
The demo's field: Shuttle Radar elevations of a valley in Tennessee, which come with matplotlib.

344 x 403 cells of 1/1200 of a degree, in metres, in the public domain as a work of the US
government.
"""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from evaluation.errors import DatasetError
from evaluation.numpy_file import open_npz
from evaluation.rasters import read_raster
from evaluation.samples import Samples
from fff.extras import needs_extra


def terrain() -> Samples:
    """
    Every cell, by its longitude and latitude, which run from -1 to 1 in the file's order.

    Raises:
        DatasetError: If matplotlib is not installed.
    """
    package = find_spec("matplotlib")  # of which a file is read, and nothing imported
    if package is None or package.origin is None:
        what = "the data set terrain, which comes with matplotlib,"
        raise DatasetError(needs_extra(what, "train"))
    file = Path(package.origin).parent / "mpl-data" / "sample_data" / "jacksboro_fault_dem.npz"
    raster = replace(read_raster(file, ("elevation",)), coordinates=_coordinates(file))
    samples = raster.samples("terrain")
    names = ("longitude", "latitude")
    inputs = tuple(
        column.model_copy(update={"name": name, "unit": "°"})
        for name, column in zip(names, samples.inputs or (), strict=True)
    )
    targets = tuple(target.model_copy(update={"unit": "m"}) for target in samples.targets or ())
    return replace(samples, inputs=inputs, targets=targets)


def _coordinates(file: Path) -> dict[str, tuple[float, float]]:
    """Of the first and the last cell's middle: the file has the map's edges, `ymin` the upper."""
    with open_npz(file) as archive:
        of = {name: float(archive.read(name)) for name in ("xmin", "xmax", "ymin", "ymax")}
        x, y = (float(archive.read(name)) / 2 for name in ("dx", "dy"))
    return {"x": (of["xmin"] + x, of["xmax"] - x), "y": (of["ymin"] - y, of["ymax"] + y)}
