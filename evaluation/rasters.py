"""
Rasters as samples: a value in every cell of a regular grid, whose coordinates are the inputs.

Along each axis coordinates run from -1 in the first cell to 1 in the last, x along an array's last
axis, y along the one before: `values[y, x]`. A cell without a value, NaN or the file's own word for
none, is no sample.

Covered:      NumPy's `.npy` and `.npz`, of 1 to 4 axes; GeoTIFF, by Pillow, of one band. Several
              arrays of one shape are several targets. Coordinates in their own unit, where the file
              has them, become the scales of columns.
Not covered:  projections: a coordinate is a number.
"""

import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.errors import DatasetError
from evaluation.image_decoding import PILLOW_FAILURES
from evaluation.learnt_columns import learn_target
from evaluation.numpy_file import open_npz, read_npy_file
from evaluation.samples import Samples
from model_store.columns import NumberColumn, Target

Array = npt.NDArray[Any]

SUFFIXES = (".npy", ".npz", ".tif", ".tiff")
AXES = "xyzt"
_MOST_CELLS = 1 << 28
_SCALE_TAG, _TIE_TAG, _NO_DATA_TAG = 33550, 33922, 42113  # GeoTIFF 1.1, and GDAL's


@dataclass(frozen=True, slots=True)
class Raster:
    """
    Values of a regular grid.

    Attributes:
        values: Arrays of one shape, by name, `[…, y, x]`; NaN where there is none.
        coordinates: Of the first and the last cell along an axis, by its name in `AXES`; of an
            axis without, they are -1 and 1.
    """

    values: Mapping[str, npt.NDArray[np.float64]]
    coordinates: Mapping[str, tuple[float, float]]

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells along each axis of the arrays."""
        return next(iter(self.values.values())).shape

    def samples(self, name: str) -> Samples:
        """
        Every cell that has its values.

        Args:
            name: Of the data, for messages.

        Raises:
            DatasetError: If there is none, or a value is too large for float32.
        """
        axes = [np.linspace(-1, 1, cells) for cells in self.shape]
        x = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")][::-1], 1)
        y = np.stack([values.ravel() for values in self.values.values()], 1)
        there = ~np.isnan(y).any(1)
        if not there.any():
            raise DatasetError(f"{name}: cells with a value were expected, there is none")
        with np.errstate(over="ignore"):
            right = y[there].astype(np.float32)
        if not np.isfinite(right).all():
            raise DatasetError(f"{name}: values must be finite, and below 3.4e38")
        inputs, targets = self._inputs(), targets_of([*self.values], right)
        return Samples(x[there].astype(np.float32), right, name, inputs, targets)

    def _inputs(self) -> tuple[NumberColumn, ...]:
        columns = []
        for axis in AXES[: len(self.shape)]:
            first, last = self.coordinates.get(axis, (-1.0, 1.0))
            low, high = min(first, last), max(first, last)
            offset, scale = (first + last) / 2, (last - first) / 2 or 1.0
            columns.append(NumberColumn(name=axis, offset=offset, scale=scale, low=low, high=high))
        return tuple(columns)


def targets_of(names: Sequence[str], y: npt.NDArray[np.float32]) -> tuple[Target, ...]:
    """What a network is to say of values, `[n, o]`, of which each has a name."""
    return tuple(
        learn_target(name, y[:, place].astype(np.float64)) for place, name in enumerate(names)
    )


def grid_of(parts: Sequence[Samples]) -> npt.NDArray[np.float32]:
    """
    Put samples back into the grid that they came from, `[…, y, x, o]`.

    Args:
        parts: All cells, each in one part.

    Raises:
        DatasetError: If they are not the cells of a regular grid, each once.
    """
    x, y = (np.concatenate([getattr(part, name) for part in parts]) for name in ("x", "y"))
    axes = [np.unique(x[:, axis], return_inverse=True) for axis in range(x.shape[1])][::-1]
    shape = tuple(len(coordinates) for coordinates, _ in axes)
    regular = all(np.allclose(each, np.linspace(-1, 1, len(each)), atol=1e-6) for each, _ in axes)
    place = np.ravel_multi_index(tuple(cell for _, cell in axes), shape)
    if not regular or len(np.unique(place)) != len(x) or len(x) != np.prod(shape):
        raise DatasetError(
            f"{parts[0].name}: a raster is made of every cell of a regular grid, each once; got "
            f"{len(x):,} rows of {' x '.join(map(str, shape))} coordinates"
        )
    grid = np.empty((len(x), y.shape[1]), np.float32)
    grid[place] = y
    return grid.reshape(*shape, y.shape[1])


def read_raster(path: Path, targets: tuple[str, ...] = ()) -> Raster:
    """
    Read a raster, told by its name's ending.

    Args:
        path: Of a file.
        targets: Arrays of an archive to take; none for all that have the most axes.

    Raises:
        DatasetError: It is none, it cannot be read, or it has no such array.
    """
    if path.suffix.lower() in (".tif", ".tiff"):
        return _geotiff(path, targets)
    if path.suffix.lower() == ".npy":
        if targets:
            raise DatasetError(f"{path}: its one array has no name, got {', '.join(targets)}")
        return Raster({path.stem: _numbers(path, path.stem, read_npy_file(path))}, {})
    with open_npz(path) as archive:
        arrays = {name: archive.read(name) for name in archive.names}
    return _of_archive(path, arrays, targets)


def _of_archive(path: Path, arrays: Mapping[str, Array], targets: tuple[str, ...]) -> Raster:
    known = ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items()) or "none"
    for name in targets:
        if name not in arrays:
            raise DatasetError(f"{path}: an array {name!r} was expected, it holds: {known}")
    most = max((array.ndim for array in arrays.values()), default=0)
    names = targets or tuple(name for name, array in arrays.items() if array.ndim == most)
    if not names or len({arrays[name].shape for name in names}) > 1:
        raise DatasetError(
            f"{path}: one array, or several of one shape, were expected; it holds: {known}"
        )
    values = {name: _numbers(path, name, arrays[name]) for name in names}
    others = {name: array for name, array in arrays.items() if name not in values}
    return Raster(values, _coordinates(next(iter(values.values())).shape, others))


def _coordinates(
    shape: tuple[int, ...], others: Mapping[str, Array]
) -> dict[str, tuple[float, float]]:
    """
    Of each axis from the one other array that has as many numbers as the axis has cells.

    Axes of the same length cannot be told apart, so none of them has any then.
    """
    found = {}
    for axis, cells in zip(AXES, reversed(shape), strict=False):
        fitting = [array for array in others.values() if array.shape == (cells,)]
        if shape.count(cells) == 1 and len(fitting) == 1 and _is_regular(fitting[0]):
            found[axis] = (float(fitting[0][0]), float(fitting[0][-1]))
    return found


def _is_regular(coordinates: Array) -> bool:
    """Whether they rise or fall by the same step, to a hundredth of it."""
    if coordinates.dtype.kind not in "fiu" or len(coordinates) < 2:
        return False
    steps = np.diff(coordinates.astype(np.float64))
    return bool(steps[0] and np.allclose(steps, steps.mean(), rtol=0.01, atol=0))


def _numbers(path: Path, name: str, array: Array) -> npt.NDArray[np.float64]:
    if array.dtype.kind not in "fiub" or not 1 <= array.ndim <= len(AXES) or array.size == 0:
        raise DatasetError(
            f"{path}: {name} must be numbers of 1 to {len(AXES)} axes, "
            f"got {list(array.shape)} {array.dtype}"
        )
    if array.size > _MOST_CELLS:
        raise DatasetError(f"{path}: {name} may have {_MOST_CELLS:,} cells, got {array.size:,}")
    return array.astype(np.float64)


def _number(path: Path, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        expected = "a number that stands for nothing was expected in its tag"
        raise DatasetError(f"{path}: {expected}, got {text!r}") from None


def _geotiff(path: Path, targets: tuple[str, ...]) -> Raster:
    from PIL import Image  # where an image is read, and nowhere else

    too_large = Image.DecompressionBombError, Image.DecompressionBombWarning
    try:
        content = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", category=UserWarning)  # of metadata
            with Image.open(io.BytesIO(content), formats=["TIFF"]) as image:
                values = np.asarray(image)
                tags = {tag: image.tag_v2.get(tag) for tag in (_SCALE_TAG, _TIE_TAG, _NO_DATA_TAG)}  # type: ignore[attr-defined]
    except (*PILLOW_FAILURES, *too_large) as exc:
        raise DatasetError(f"{path}: a TIFF of numbers was expected: {exc}") from exc
    if values.ndim != 2 or targets:
        got = f"{list(values.shape)}" if values.ndim != 2 else f"names of targets: {targets}"
        raise DatasetError(f"{path}: a TIFF of one band without a name was expected, got {got}")
    numbers = _numbers(path, path.stem, values)
    no_data = tags[_NO_DATA_TAG]
    if no_data is not None:
        numbers[values == _number(path, str(no_data).strip("\0 "))] = np.nan
    return Raster({path.stem: numbers}, _georeference(values.shape, tags))


def _georeference(
    shape: tuple[int, ...], tags: Mapping[int, Any]
) -> dict[str, tuple[float, float]]:
    """Centres of the first and last cell; rows run southwards, so y falls."""
    scale, tie = tags[_SCALE_TAG], tags[_TIE_TAG]
    if scale is None or len(scale) < 2 or not all(scale[:2]):
        return {}
    if tie is None or len(tie) < 6 or tuple(tie[:2]) != (0.0, 0.0):
        return {}
    x, y = tie[3] + scale[0] / 2, tie[4] - scale[1] / 2
    return {
        "x": (x, x + scale[0] * (shape[1] - 1)),
        "y": (y, y - scale[1] * (shape[0] - 1)),
    }
