"""The model of our kernels: laws that hold whatever its assumptions are."""

from dataclasses import replace
from itertools import pairwise

import pytest

from bench.gpu.design import AFTER, BEFORE, DEVICE, Design
from bench.gpu.kernel_times import call_s, kernel_s, kernels, splits
from bench.gpu.model import SHAPES, main
from bench.gpu.target import Case, Limits, fff_s
from bench.networks import Shape

LIMITS = Limits()
ROWS = [2**power for power in range(13)]
LARGE = (Shape(768, 768, 64, 6), Shape(2048, 2048, 16, 9), Shape(4096, 4096, 64, 5))
CASES = [
    Case(shape, rows, element_bytes, warm)
    for shape in (*SHAPES, *LARGE)
    for rows in ROWS
    for element_bytes in (2, 4)
    for warm in (True, False)
]
OF_THE_TABLE = [case for case in CASES if case.shape in SHAPES and case.element_bytes == 2]
designs = pytest.mark.parametrize("design", [BEFORE, AFTER], ids=["before", "after"])


@designs
def test_a_call_is_its_kernels_and_a_gap_for_each(design: Design) -> None:
    for case in CASES:
        alone = [kernel_s(name, case, LIMITS, design) for name in kernels(case, design)]

        assert min(alone) > 0
        gaps = len(alone) * DEVICE.gap_s
        assert call_s(case, LIMITS, design) == pytest.approx(sum(alone) + gaps)


def test_what_was_mended_is_never_slower() -> None:
    for case in CASES:
        for name in {*kernels(case, AFTER)} & {"route", "rank"}:
            mended, before = (kernel_s(name, case, LIMITS, d) for d in (AFTER, BEFORE))
            assert mended <= before, case
        assert call_s(case, LIMITS, AFTER) <= call_s(case, LIMITS, BEFORE), case


@designs
@pytest.mark.parametrize("warm", [True, False])
def test_more_rows_take_longer_by_the_same_launches(design: Design, warm: bool) -> None:
    for shape in SHAPES:
        cases = [Case(shape, rows, 2, warm) for rows in ROWS]
        for fewer, more in pairwise(cases):
            if kernels(fewer, design) == kernels(more, design):
                assert call_s(fewer, LIMITS, design) <= call_s(more, LIMITS, design), more


@designs
def test_weights_from_memory_take_longer_than_from_l2(design: Design) -> None:
    for case in CASES:
        cold = replace(case, warm=False)
        assert call_s(case, LIMITS, design) <= call_s(cold, LIMITS, design)


@designs
def test_no_design_is_faster_than_the_best_that_a_gpu_could_do(design: Design) -> None:
    for case in OF_THE_TABLE:
        assert fff_s(case, LIMITS) < call_s(case, LIMITS, design), case


def test_faster_memory_is_never_slower() -> None:
    quick = replace(DEVICE, trip_l2_s=DEVICE.trip_l2_s / 2, trip_memory_s=DEVICE.trip_memory_s / 2)
    for case in CASES:
        assert call_s(case, LIMITS, AFTER, quick) < call_s(case, LIMITS, AFTER)


def test_small_batches_are_neither_sorted_nor_spread_beyond_their_columns() -> None:
    sorts = ("route", "rank", "leaf_tiles")
    assert kernels(Case(SHAPES[0], 16, 2), BEFORE) == ("route", "leaf_tiles")
    assert kernels(Case(SHAPES[0], 17, 2), BEFORE) == sorts
    assert kernels(Case(SHAPES[0], 32, 2), AFTER) == ("infer_rows",)
    assert kernels(Case(SHAPES[0], 33, 2), AFTER) == sorts
    assert splits(Case(SHAPES[0], 1, 2), AFTER) == 768 // 128
    assert splits(Case(SHAPES[0], 4096, 2), AFTER) == 1


def test_the_table_says_that_nothing_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0

    assert capsys.readouterr().out.startswith("A MODEL of assumptions: nothing here was measured.")
