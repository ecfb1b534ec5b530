"""Every cell of a raster is a sample, in coordinates from -1 to 1; what is no raster is refused."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from evaluation.errors import DatasetError
from evaluation.fields import divide, load_field
from evaluation.rasters import grid_of, read_raster
from evaluation.samples import Samples
from evaluation.terrain import terrain
from model_store.columns import NumberColumn

GRID = np.arange(12, dtype=np.int16).reshape(3, 4) * 10


def npz(folder: Path, **arrays: Any) -> Path:
    path = folder / "map.npz"
    np.savez(path, **arrays)
    return path


def axes_of(samples: Samples) -> list[NumberColumn]:
    return [column for column in samples.inputs or () if isinstance(column, NumberColumn)]


def test_x_runs_along_the_last_axis_and_y_along_the_one_before(tmp_path):
    np.save(tmp_path / "height.npy", GRID)
    samples = read_raster(tmp_path / "height.npy").samples("height")

    assert [column.name for column in samples.inputs or ()] == ["x", "y"]
    assert [target.name for target in samples.targets or ()] == ["height"]
    assert samples.x[:5].tolist() == [
        [-1, -1],
        [pytest.approx(-1 / 3), -1],
        [pytest.approx(1 / 3), -1],
        [1, -1],
        [-1, 0],
    ]
    assert samples.y[:, 0].tolist() == GRID.ravel().tolist()


@pytest.mark.parametrize("axes", [1, 3, 4])
def test_a_raster_may_have_one_to_four_axes(axes, tmp_path):
    values = np.random.default_rng(0).normal(size=(2, 3, 4, 5)[:axes])
    np.save(tmp_path / "v.npy", values)
    samples = load_field(str(tmp_path / "v.npy"), (), 0)

    assert samples.x.shape == (values.size, axes)
    place = np.rint((samples.x + 1) / 2 * (np.array(values.shape[::-1]) - 1)).astype(int)
    assert np.allclose(values[tuple(place[:, ::-1].T)], samples.y[:, 0])


def test_coordinates_in_the_file_become_scales_of_columns(tmp_path):
    north = np.linspace(50, 40, 3)
    path = npz(tmp_path, topo=GRID, lon=np.array([5.0, 6, 7, 8]), lat=north)
    x, y = axes_of(read_raster(path).samples("map"))

    assert (x.offset, x.scale, x.low, x.high) == (6.5, 1.5, 5, 8)
    assert (y.offset, y.scale, y.low, y.high) == (45, -5, 40, 50)


def test_coordinates_that_could_be_of_two_axes_are_of_none(tmp_path):
    path = npz(tmp_path, z=np.ones((4, 4)) * np.arange(4), lon=np.arange(4.0))
    assert [axis.scale for axis in axes_of(read_raster(path).samples("map"))] == [1, 1]


def test_arrays_of_one_shape_are_several_targets(tmp_path):
    path = npz(tmp_path, u=GRID, v=-GRID)

    assert [t.name for t in read_raster(path).samples("map").targets or ()] == ["u", "v"]
    one = read_raster(path, ("v",)).samples("map")
    assert [t.name for t in one.targets or ()] == ["v"]
    assert one.y.min() == -110


def test_cells_without_a_value_are_no_samples(tmp_path):
    holes = GRID.astype(float)
    holes[1, 2] = np.nan
    np.save(tmp_path / "h.npy", holes)

    assert len(read_raster(tmp_path / "h.npy").samples("h")) == 11


def test_a_geotiff_brings_its_coordinates_and_its_word_for_nothing(tmp_path):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[33550] = (30.0, 30.0, 0.0)
    tags[33922] = (0.0, 0.0, 0.0, 1000.0, 5000.0, 0.0)
    for tag in (33550, 33922):
        tags.tagtype[tag] = 12  # doubles
    tags[42113] = "10"
    Image.fromarray(GRID.astype(np.float32)).save(tmp_path / "dem.tif", tiffinfo=tags)
    samples = load_field(str(tmp_path / "dem.tif"), (), 0)
    x, y = axes_of(samples)

    assert len(samples) == 11
    assert 10 not in samples.y
    assert (x.low, x.high, y.low, y.high) == (1015, 1105, 4925, 4985)
    assert (x.scale > 0, y.scale < 0) == (True, True)


WRONG = {
    "text": (np.array(["a"]), "must be numbers of 1 to 4 axes"),
    "five-axes": (np.zeros((2,) * 5), "must be numbers of 1 to 4 axes"),
    "nothing": (np.zeros((0, 3)), "must be numbers of 1 to 4 axes"),
    "all-nan": (np.full((2, 2), np.nan), "cells with a value were expected"),
    "infinite": (np.array([[1.0, np.inf]]), "values must be finite"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_raster_is_refused(name, tmp_path):
    array, message = WRONG[name]
    np.save(tmp_path / "v.npy", array)
    with pytest.raises(DatasetError, match=message):
        load_field(str(tmp_path / "v.npy"), (), 0)


def test_an_array_that_is_not_there_is_named_with_those_that_are(tmp_path):
    path = npz(tmp_path, topo=GRID)
    with pytest.raises(DatasetError, match=r"array 'depth' was expected.*topo \[3, 4\]"):
        read_raster(path, ("depth",))
    np.save(tmp_path / "v.npy", GRID)
    with pytest.raises(DatasetError, match="one array has no name"):
        read_raster(tmp_path / "v.npy", ("v",))


@pytest.mark.parametrize("content", [b"", b"II*\0rubbish", b"\x89PNG"])
def test_a_broken_tiff_is_refused(content, tmp_path):
    (tmp_path / "v.tif").write_bytes(content)
    with pytest.raises(DatasetError, match="a TIFF of numbers was expected"):
        load_field(str(tmp_path / "v.tif"), (), 0)


def test_a_word_for_nothing_that_is_no_number_is_named(tmp_path):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[42113] = "void"
    Image.fromarray(GRID.astype(np.float32)).save(tmp_path / "v.tif", tiffinfo=tags)

    with pytest.raises(
        DatasetError, match="stands for nothing was expected in its tag, got 'void'"
    ):
        load_field(str(tmp_path / "v.tif"), (), 0)


def test_colours_are_no_band(tmp_path):
    picture = io.BytesIO()
    Image.new("RGB", (3, 2)).save(picture, "TIFF")
    (tmp_path / "v.tif").write_bytes(picture.getvalue())
    with pytest.raises(DatasetError, match="one band"):
        load_field(str(tmp_path / "v.tif"), (), 0)


@pytest.mark.parametrize("name", ["nothing.npy", "folder", "map.gif"])
def test_another_source_is_refused_with_those_there_are(name, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "map.gif").write_bytes(b"GIF8")
    with pytest.raises(DatasetError, match=r"a raster .*or a function"):
        load_field(str(tmp_path / name), (), 0)


def test_the_test_part_is_the_first_tenth_of_an_order_that_is_always_the_same(tmp_path):
    np.save(tmp_path / "v.npy", np.arange(105.0).reshape(7, 15))
    samples = load_field(str(tmp_path / "v.npy"), (), 0)
    train, test = divide(samples, 0.1)

    order = np.random.default_rng(0).permutation(105)
    assert test.y[:, 0].tolist() == order[:10].tolist()
    assert train.y[:, 0].tolist() == order[10:].tolist()
    with pytest.raises(DatasetError, match="needs more rows than 9"):
        divide(samples.take(np.arange(9), "few"), 0.1)


@pytest.mark.parametrize("shape", [(7,), (5, 6), (3, 4, 5)])
def test_cells_in_any_order_make_the_grid_that_they_came_from(shape, tmp_path):
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    np.save(tmp_path / "v.npy", values)
    samples = load_field(str(tmp_path / "v.npy"), (), 0)
    rows = np.random.default_rng(1).permutation(values.size)
    parts = [samples.take(rows[:3], "some"), samples.take(rows[3:], "others")]

    assert np.array_equal(grid_of(parts)[..., 0], values)
    with pytest.raises(DatasetError, match="every cell of a regular grid, each once"):
        grid_of(parts[1:])


def test_the_terrain_is_the_file_that_matplotlib_brings():
    samples = terrain()

    assert (len(samples), samples.x.shape[1]) == (344 * 403, 2)
    assert (samples.y.min(), samples.y.max()) == (236, 1076)
    assert samples.y.std() == pytest.approx(162.5, abs=0.1)
    assert [(target.name, target.unit) for target in samples.targets or ()] == [("elevation", "m")]


def test_the_terrain_lies_where_its_file_says():
    """By the middles of its first cell, in the north-west, and its last one."""
    samples = terrain()
    columns = [column for column in samples.inputs or () if isinstance(column, NumberColumn)]
    places = {
        column.name: [column.offset + column.scale * x[axis] for x in samples.x[[0, -1]]]
        for axis, column in enumerate(columns)
    }

    half = 1 / 2400
    assert places == {
        "longitude": pytest.approx([-84.41375 + half, -84.07791667 - half]),
        "latitude": pytest.approx([36.73291667 - half, 36.44625 + half]),
    }
