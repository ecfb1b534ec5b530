"""A raster gives its samples where they lie, and between them what lies between."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from fff import reference
from fff.raster import RasterWeights
from fff.shapes import ShapeError
from networks.backends import build_backend
from tests.fff.exactness import assert_like_the_reference
from tests.fff.networks import raster, rows

CPU = torch.device("cpu")
SHAPES = [(1,), (7,), (3, 5), (1, 4), (5, 1), (1, 1), (2, 3, 4), (3, 1, 2, 5)]


def computed(w: RasterWeights, x: Tensor) -> Tensor:
    return build_backend(w, CPU).infer(x).logits


def sample_points(shape: tuple[int, ...]) -> Tensor:
    """All points of a grid in the order of its values, `[s_1 * ... * s_i, i]`, float32."""
    axes = [np.linspace(-1, 1, s) for s in shape]
    by_axis = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(shape))
    return torch.from_numpy(by_axis[:, ::-1].astype(np.float32).copy())  # inputs: last axis first


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_at_a_sample_point_it_is_the_sample(shape: tuple[int, ...]) -> None:
    w = raster(shape, 2)

    torch.testing.assert_close(
        computed(w, sample_points(shape)), w.values.flatten(0, -2), rtol=1e-5, atol=1e-5
    )


def test_input_0_runs_along_the_columns_of_a_map_and_input_1_along_its_rows() -> None:
    w = RasterWeights(torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])[:, :, None])
    corners = torch.tensor([[-1.0, -1], [1, -1], [-1, 1], [1, 1], [0, 1], [0, 0], [-0.5, -1]])

    assert computed(w, corners).flatten().tolist() == [1, 3, 4, 6, 5, 3.5, 1.5]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_backend_agrees_with_the_reference(shape: tuple[int, ...]) -> None:
    x, w = rows(200, len(shape)), raster(shape, 3)  # some rows lie outside

    answer = build_backend(w, CPU).infer(x)

    assert (answer.leaf.shape, answer.margin.shape) == ((200, 0), (200, 0))
    assert_like_the_reference(answer, x, w)


@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 3, 5), (2, 3, 4, 2)], ids=str)
def test_it_is_exact_for_what_is_linear_in_each_input(shape: tuple[int, ...]) -> None:
    def field(x: Tensor) -> Tensor:
        return torch.stack([(x + 2).prod(1), x.sum(1)], 1)

    w = RasterWeights(field(sample_points(shape)).reshape(*shape, 2))
    x = torch.rand(300, len(shape)) * 2 - 1

    torch.testing.assert_close(computed(w, x), field(x), rtol=1e-5, atol=1e-5)


def test_between_two_of_many_samples_a_place_is_exact() -> None:
    """Of a million samples whose values are their numbers: as near as float32 can say it."""
    samples = 1_000_001
    w = RasterWeights(torch.arange(samples, dtype=torch.float32)[:, None])
    x = torch.rand(1000, 1) * 2 - 1

    expected = (x.double() + 1) / 2 * (samples - 1)

    assert torch.equal(computed(w, x), expected.float())


@given(st.lists(st.floats(width=32), min_size=2, max_size=2))
def test_whatever_a_row_is_the_value_lies_between_samples_or_is_nan(row: list[float]) -> None:
    x, w = torch.tensor([row]), raster((3, 5), 2)

    value, lowest, highest = computed(w, x)[0], w.values.amin((0, 1)), w.values.amax((0, 1))

    if x.isnan().any():
        assert value.isnan().all()
    else:
        assert ((lowest <= value) & (value <= highest)).all()
    torch.testing.assert_close(value, reference.infer(x, w).logits[0], equal_nan=True)


@pytest.mark.parametrize("far", [1.5, 1e30, torch.inf])
@pytest.mark.parametrize("shape", [(3, 5), (1, 5), (1, 1)])
def test_outside_it_is_the_border(far: float, shape: tuple[int, ...]) -> None:
    w = raster(shape, 2)
    x = torch.tensor([[far, 0.3], [-far, 0.3], [0.3, -far]])

    assert torch.equal(computed(w, x), computed(w, x.clamp(-1, 1)))


def test_a_constant_raster_is_constant_to_the_last_bit() -> None:
    w = RasterWeights(torch.full((4, 3, 1), 0.1))

    assert (computed(w, rows(1000, 2)) == torch.tensor(0.1)).all()


@given(st.lists(st.integers(0, 95), min_size=1, max_size=40), st.sampled_from(SHAPES))
def test_a_row_has_the_same_bits_in_any_batch(positions: list[int], shape: tuple[int, ...]) -> None:
    x, backend = rows(96, len(shape)), build_backend(raster(shape, 3), CPU)

    alone = torch.cat([backend.infer(row[None]).logits for row in x])

    assert backend.output_class == "strict"
    assert torch.equal(backend.infer(x[positions]).logits, alone[positions])


def test_no_rows_have_no_values() -> None:
    assert computed(raster((3, 5), 2), rows(0, 2)).shape == (0, 2)


def test_its_tensor_makes_it_again() -> None:
    w = raster((2, 3, 4), 5)

    assert RasterWeights.from_tensors(w.tensors()).values is w.values
    assert (w.input_width, w.output_width, w.shape) == (3, 5, [2, 3, 4])
    with pytest.raises(ShapeError, match="'values' is missing; found w1"):
        RasterWeights.from_tensors({"w1": w.values})


@pytest.mark.parametrize("shape", [(), (3,), (2, 2, 2, 2, 2, 1), (0, 3, 1), (3, 3, 0)])
def test_what_is_no_grid_is_refused_with_its_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=re.escape(f"none of them empty; got {list(shape)}")):
        RasterWeights(torch.zeros(shape))


def test_costs_are_those_of_the_corners() -> None:
    w = raster((30, 40), 5)

    assert w.flops_per_row == 4 * 2 + 3 * 3 * 5
    assert w.bytes_per_row == 4 * 4 * 5
