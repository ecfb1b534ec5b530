"""The closed form of what a GPU could do at best."""

from dataclasses import replace

import pytest

from bench.gpu.target import Case, Limits, ceiling, dense_s, fff_s, target
from bench.networks import Shape

BATCHES = (1, 8, 64, 1024, 4096)
MODELLED = {  # ratios of the design brief's table, bfloat16, at BATCHES
    (784, 10, 8, 4): (1.3, 1.25, 1.2, 0.6, 0.3),
    (768, 768, 16, 8): (1.65, 1.6, 1.5, 1.5, 2.3),
    (2048, 2048, 16, 9): (4.2, 4.0, 3.0, 2.6, 4.1),
    (4096, 4096, 64, 5): (3.0, 2.1, 0.75, 1.5, 1.9),
    (4096, 4096, 32, 9): (13.8, 11.7, 5.0, 3.8, 7.1),
    (4096, 4096, 64, 11): (86, 67, 23, 11.9, 18.9),
}


@pytest.mark.parametrize("widths", MODELLED)
def test_the_target_is_that_of_the_design_brief(widths: tuple[int, int, int, int]) -> None:
    """It called a tree cold wherever the dense network's weights do not fit into L2."""
    case = Case(Shape(*widths), 1, 2)
    case = replace(case, warm=case.dense_bytes < Limits().l2_bytes)

    targets = [target(replace(case, batch=n), Limits()) for n in BATCHES]

    assert targets == pytest.approx(MODELLED[widths], rel=0.08)


@pytest.mark.parametrize("widths", MODELLED)
def test_at_one_row_no_target_passes_the_flop_ratio(widths: tuple[int, int, int, int]) -> None:
    for warm in (True, False):
        case = Case(Shape(*widths), 1, 2, warm)
        assert target(case, Limits()) <= ceiling(case, Limits()) <= case.shape.flop_ratio


def test_a_tree_is_warm_by_the_bytes_that_its_batches_read() -> None:
    """One row reads a leaf: 16 rows in turn leave 8 MB of leaves in L2, of a layer of 268 MB."""
    shape = Shape(4096, 4096, 32, 9)
    few, many = (Case(shape, batch, 2) for batch in (1, 512))

    assert few.tree_bytes == pytest.approx(16 * 32 * 8192 * 2 + 4 * 4096 * 76, rel=0.03)
    assert fff_s(few, Limits()) < fff_s(replace(few, warm=False), Limits())
    assert fff_s(many, Limits()) == fff_s(replace(many, warm=False), Limits())
    assert dense_s(few, Limits()) == dense_s(replace(few, warm=False), Limits())


def test_a_whole_layer_is_read_once_a_lap_at_most() -> None:
    shape = Shape(768, 768, 16, 8)

    everything = Case(shape, 4096, 2).tree_bytes

    assert everything == pytest.approx(Case(shape, 1, 2).dense_bytes + 4 * 768 * 255, rel=1e-6)
