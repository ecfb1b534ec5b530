"""
The Triton kernels compiled to machine code for an H200, which needs no GPU.

What the backend launches is intercepted and compiled instead of run (`bench.gpu.compile_only`).
"""

import importlib.util
import json
import os
from functools import cache
from typing import TYPE_CHECKING

import pytest
import torch

from bench.networks import Shape
from fff.backends import build_backend, choose_device
from fff.kernels.gpu.graphs import buckets
from fff.weights import FFFWeights
from tests.fff.kernels.gpu.stand_in import cuda_on_the_cpu
from tests.fff.networks import neurons, rows, tree

if TYPE_CHECKING:
    from bench.gpu.compile_only import Compiled

if importlib.util.find_spec("triton") is None:  # in CI test_kernels.py fails for it
    pytest.skip("missing: triton (make install EXTRAS=gpu)", allow_module_level=True)
if os.environ.get("TRITON_INTERPRET") == "1":
    pytest.skip("the interpreter compiles nothing", allow_module_level=True)

# Triton announces changes of its own defaults; they are not ours to act on in a test.
pytestmark = pytest.mark.filterwarnings("ignore")


def compiled(w: FFFWeights, dtype: str, *sizes: int) -> list["Compiled"]:
    """What batches of these sizes would have run, in order."""
    from bench.gpu.compile_only import batch, compile_only

    launches = [batch(w, dtype, size) for size in sizes]
    return compile_only(lambda: [launch() for launch in launches])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param((784, 4, 8, 10, 0), id="mnist"),
        pytest.param((768, 2, 64, 768, 32), id="wide-with-master"),
        pytest.param((123, 3, 5, 11, 0), id="nothing-divides"),
    ],
)
def test_every_kernel_fits_an_h200(sizes: tuple[int, int, int, int, int], dtype: str) -> None:
    """
    No registers spill, routing flushes no subnormal number (its bound allows none), and products
    are the promised ones: tensor cores for 16 bits, never TF32 for float32.
    """
    w = tree(*sizes, activation="gelu")
    kernels = compiled(w, dtype, 8, 256)

    master = ["leaf_tiles"] * (w.master is not None)
    assert [k.name for k in kernels] == (
        [*master, "infer_rows", *master, "route", "rank", "leaf_tiles"]
    )
    for kernel in kernels:
        assert kernel.spilled_bytes == 0, kernel.name
        assert "tf32" not in kernel.ptx
        if kernel.name == "route":
            assert ".ftz" not in kernel.ptx
            assert kernel.registers <= 128
        if kernel.name in ("leaf_tiles", "infer_rows"):
            assert ("mma.sync" in kernel.ptx) == (dtype != "float32")


@pytest.mark.parametrize("i", [1024, 4096, 8192])
def test_the_canonical_sum_of_a_wide_row_spills_no_registers(i: int) -> None:
    for kernel in compiled(tree(i, 3, 1, 1), "bfloat16", 8, 256):
        assert kernel.spilled_bytes == 0, kernel.name


def test_every_activation_compiles() -> None:
    from fff.activations import ACTIVATIONS

    for activation in ACTIVATIONS:
        kernels = compiled(tree(32, 0, 4, 4, activation=activation), "bfloat16", 1)

        assert [k.name for k in kernels] == ["infer_rows"]


def test_the_report_names_each_distinct_kernel_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The leaf kernel is one for all batches; each batch walks, and its round trips are read."""
    from bench.gpu import compiled as command

    monkeypatch.setattr(command, "CASES", ((Shape(32, 16, 8, 5), "bfloat16"),))
    monkeypatch.setattr(command, "reports", cache(command.reports))

    assert command.main(["--json"]) == 0
    kernels = json.loads(capsys.readouterr().out)["kernels"]
    leaves = [k["product"][:4] for k in kernels if k["kernel"] == "leaf_tiles"]
    walks = [k for k in kernels if k["walk"]]
    assert leaves == ["HMMA"]
    assert sorted(size for k in walks for size in k["buckets"]) == [*command.BUCKETS]
    assert all(k["walk"]["turn"]["trips"] >= 1 for k in walks)
    assert command.main([]) == 0
    assert "trips a level" in capsys.readouterr().out


def test_cuda_by_itself_takes_kernels_that_compile_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    device = choose_device("cuda").torch_device

    from bench.gpu.compile_only import compile_only

    with cuda_on_the_cpu() as runtime:
        kernels = compile_only(lambda: build_backend(tree(64, 4, 8, 10, 4), device, max_rows=100))

    assert {k.name for k in kernels} == {"infer_rows", "route", "rank", "leaf_tiles"}
    assert runtime.captures == len(buckets(100))


def test_the_kernels_of_neurons_that_route_fit_an_h200_and_flush_no_subnormal_score(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from bench.gpu.compile_only import compile_only
    from fff.kernels.gpu import beta

    monkeypatch.setattr(beta, "InterpretedFunction", object)  # the CPU's tensors will do

    kernels = compile_only(
        lambda: beta.TritonBeta(neurons(768, 4, 8, 768, "relu"), torch.device("cpu")).infer(
            rows(2, 768)
        )
    )

    assert [k.name for k in kernels] == ["walk_trees", "add_paths"]
    assert all(k.spilled_bytes == 0 for k in kernels)
    assert ".ftz" not in kernels[0].ptx
