"""
The Triton kernels compiled to machine code for an H200, which needs no GPU.

What the backend launches is intercepted and compiled instead of run, with the very constants
that it would have run with. NVIDIA's assembler comes with Triton; it knows registers and spills.
"""

import importlib.util
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from fff.kernels.gpu.graphs import DeviceBatch
from fff.weights import FFFWeights
from tests.fff.networks import tree

if importlib.util.find_spec("triton") is None:  # in CI test_kernels.py fails for it
    pytest.skip("missing: triton (pip install 'fff-serve[gpu]')", allow_module_level=True)
if os.environ.get("TRITON_INTERPRET") == "1":
    pytest.skip("the interpreter compiles nothing", allow_module_level=True)

# Triton announces changes of its own defaults; they are not ours to act on in a test.
pytestmark = pytest.mark.filterwarnings("ignore")

TYPES = {
    torch.float32: "*fp32",
    torch.float64: "*fp64",
    torch.bfloat16: "*bf16",
    torch.float16: "*fp16",
    torch.int32: "*i32",
    torch.int64: "*i64",
}
OPTIONS = ("num_warps", "num_stages", "maxnreg")


class Compiled:
    """One kernel as machine code."""

    def __init__(self, name: str, ptx: str, cubin: bytes):
        import triton

        self.name, self.ptx = name, ptx
        tools = Path(triton.__file__).parent / "backends/nvidia/bin"
        with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
            file.write(cubin)
            file.flush()
            command = [str(tools / "cuobjdump"), "--dump-resource-usage", file.name]
            report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        match = re.search(r"REG:(\d+) STACK:(\d+)", report)
        assert match, report
        self.registers, self.spilled_bytes = map(int, match.groups())


def compile_for_h200(kernel: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Compiled:
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    arguments = dict(zip(kernel.arg_names, args, strict=False)) | kwargs
    options = {name: arguments.pop(name) for name in OPTIONS if name in arguments}
    tensors = {name: a for name, a in arguments.items() if isinstance(a, Tensor)}
    floats = [name for name, a in arguments.items() if isinstance(a, float)]
    signature = {name: "constexpr" for name in arguments}
    signature |= {name: TYPES[a.dtype] for name, a in tensors.items()}
    signature |= dict.fromkeys(floats, "fp32")
    constants = {n: a for n, a in arguments.items() if signature[n] == "constexpr"}
    aligned = {
        (kernel.arg_names.index(name),): [["tt.divisibility", 16]]
        for name, a in tensors.items()
        if a.data_ptr() % 16 == 0
    }
    signature = {name: signature[name] for name in kernel.arg_names}
    source = ASTSource(kernel, signature, constants, aligned)
    done = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
    return Compiled(kernel.__name__, done.asm["ptx"], done.asm["cubin"])


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Compiled]:
    """What `launch` would have run, in order."""
    from fff.kernels.gpu import launch as launches

    kernels: list[Compiled] = []
    for name in ("infer_rows", "route", "rank", "leaf_tiles"):
        kernel = getattr(launches, name)

        def run(*args: Any, grid: Any, warmup: bool, kernel: Any = kernel, **kwargs: Any) -> None:
            kernels.append(compile_for_h200(kernel, args, kwargs))

        monkeypatch.setattr(kernel, "run", run)
    return kernels


def launch(w: FFFWeights, dtype: str, bucket: int) -> None:
    from fff.kernels.gpu import launch as launches
    from fff.kernels.gpu.layer import PackedLayer

    layer = PackedLayer.pack(w, torch.device("cpu"), dtype, bucket)
    n, rechecked = torch.zeros(1, dtype=torch.int32), torch.zeros(1, dtype=torch.int64)
    x, logits = torch.zeros(bucket, w.input_width), torch.zeros(bucket, w.output_width)
    batch = DeviceBatch(n, x, logits, n.repeat(bucket), torch.zeros(bucket), rechecked)
    launches.launch(layer, batch, bucket)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param((784, 4, 8, 10, 0), id="mnist"),
        pytest.param((768, 2, 64, 768, 32), id="wide-with-master"),
        pytest.param((123, 3, 5, 11, 0), id="nothing-divides"),
    ],
)
def test_every_kernel_fits_an_h200(
    compiled: list[Compiled], sizes: tuple[int, int, int, int, int], dtype: str
) -> None:
    """
    No registers spill, routing flushes no subnormal number (its bound allows none), and products
    are the promised ones: tensor cores for 16 bits, never TF32 for float32.
    """
    w = tree(*sizes, activation="gelu")
    for bucket in (8, 256):
        launch(w, dtype, bucket)

    master = ["leaf_tiles"] * (w.master is not None)
    assert [k.name for k in compiled] == (
        [*master, "infer_rows", *master, "route", "rank", "leaf_tiles"]
    )
    for kernel in compiled:
        assert kernel.spilled_bytes == 0, kernel.name
        assert "tf32" not in kernel.ptx
        if kernel.name == "route":
            assert ".ftz" not in kernel.ptx
            assert kernel.registers <= 128
        if kernel.name in ("leaf_tiles", "infer_rows"):
            assert ("mma.sync" in kernel.ptx) == (dtype != "float32")


@pytest.mark.parametrize("i", [1024, 4096, 8192])
def test_the_canonical_sum_of_a_wide_row_spills_no_registers(
    compiled: list[Compiled], i: int
) -> None:
    for bucket in (8, 256):
        launch(tree(i, 3, 1, 1), "bfloat16", bucket)

    for kernel in compiled:
        assert kernel.spilled_bytes == 0, kernel.name


def test_every_activation_compiles(compiled: list[Compiled]) -> None:
    from fff.activations import ACTIVATIONS

    for activation in ACTIVATIONS:
        launch(tree(32, 0, 4, 4, activation=activation), "bfloat16", 1)

    assert [k.name for k in compiled] == ["infer_rows"] * len(ACTIVATIONS)
