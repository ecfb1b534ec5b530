"""The GPU bench where there is no GPU: its closed form, and its refusal."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench.gpu.target import Case, Limits, ceiling, target
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
    targets = [target(Case(Shape(*widths), n, 2), Limits()) for n in BATCHES]

    assert targets == pytest.approx(MODELLED[widths], rel=0.08)


@pytest.mark.parametrize("widths", MODELLED)
def test_at_one_row_no_target_passes_the_flop_ratio(widths: tuple[int, int, int, int]) -> None:
    for warm in (True, False):
        case = Case(Shape(*widths), 1, 2, warm)
        assert target(case, Limits()) <= ceiling(case, Limits()) <= case.shape.flop_ratio


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is present")
def test_without_a_gpu_the_bench_says_so_and_fails() -> None:
    root = Path(__file__).parents[4]

    done = subprocess.run(
        [sys.executable, "-m", "bench.gpu"], cwd=root, capture_output=True, text=True, timeout=120
    )

    assert done.returncode == 1
    assert done.stderr == "bench.gpu: no CUDA device is present; nothing was measured\n"
    assert not done.stdout
