"""
The kernel compiled for other processors: the same leaves, and the same bits of logits and margins.

In a process of its own, with a cache of its own, Numba is given the instructions that it may use;
that it used no others is counted in the machine code.

Covered:      AVX2 instead of AVX-512; code without AVX and fused multiply-add, unoptimised.
Not covered:  another mathematics library (`exp`, `erfc`), which a real other machine may have.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from types import ModuleType

import pytest
import torch

from fff.activations import ACTIVATIONS
from fff.inference_result import InferenceResult
from fff.kernels.cpu import beta_walk as cpu_beta_walk
from fff.kernels.cpu import jobs as cpu_jobs
from fff.kernels.cpu import leaf as cpu_leaf
from fff.kernels.cpu import narrow as cpu_narrow
from fff.kernels.cpu import route as cpu_route
from fff.kernels.cpu.backend import NumbaGrouped
from fff.kernels.cpu.beta import NumbaBeta
from fff.weights import FFFWeights
from tests.fff.networks import neurons, rows, tree
from tests.fff.test_batch_independence import HARD

ROOT = Path(__file__).parents[4]
CPU = torch.device("cpu")
X86 = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="AVX is a matter of x86 processors"
)
PROCESSORS = {
    "avx2": {"NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": ""},  # as `prebuilt` has it
    # NUMBA_OPT: optimised, scalar tiles take half a minute to compile.
    "sse": {"NUMBA_CPU_NAME": "x86-64-v2", "NUMBA_CPU_FEATURES": "-avx,-fma", "NUMBA_OPT": "0"},
}


def activated(name: str) -> tuple[torch.Tensor, FFFWeights]:
    """Rows and a network of this activation."""
    return rows(90, 12) * 4, tree(12, 2, 5, 5, 2, name)


def not_finite(x: torch.Tensor) -> torch.Tensor:
    """Rows of which every fifth holds an infinity."""
    x[::5, 0] = torch.inf
    return x


NETWORKS: dict[str, Callable[[], tuple[torch.Tensor, FFFWeights]]] = {
    "odd": lambda: (rows(700, 37), tree(37, 6, 5, 3, activation="gelu")),
    "mnist-and-master": lambda: (rows(300, 784), tree(784, 4, 8, 10, 8)),
    "one-neuron": lambda: (rows(300, 65), tree(65, 7, 1, 17, activation="silu", tie="gt")),
    "panels": lambda: (rows(300, 33), tree(33, 3, 72, 128)),
    "narrow": lambda: (rows(700, 2), tree(2, 12, 8, 1)),
    "narrow-many-outputs": lambda: (rows(700, 16), tree(16, 8, 21, 13, tie="gt")),
    "narrow-not-finite": lambda: (not_finite(rows(300, 3)), tree(3, 6, 9, 1, 4)),
    **{f"hard-{name}": make for name, make in HARD.items()},
    **{name: partial(activated, name) for name in ACTIVATIONS},
}
Answers = dict[str, torch.Tensor]


def answers() -> Answers:
    """Everything that the kernel computes for the networks, by network, storage and part."""
    outputs: Answers = {}
    for (name, make), storage in product(NETWORKS.items(), ("float32", "bfloat16")):
        x, w = make()
        answer = NumbaGrouped(w, CPU, threads=2, storage=storage).infer(x)
        outputs |= parts(f"{name} {storage}", answer)
    trees = NumbaBeta(neurons(37, 6, 3, 19), CPU, threads=2)
    return outputs | parts("neurons", trees.infer(rows(200, 37)))


def parts(name: str, answer: InferenceResult) -> Answers:
    return {f"{name} {part}": getattr(answer, part) for part in ("leaf", "logits", "margin")}


def machine_code() -> str:
    """Assembly of the functions that compute."""
    return "".join(
        code
        for module in (cpu_route, cpu_leaf, cpu_narrow, cpu_beta_walk, cpu_jobs)
        for code in (*_of_functions(module), *_of_addresses(module))
    )


def _of_functions(module: ModuleType) -> list[str]:
    functions = [f for f in vars(module).values() if getattr(f, "signatures", None)]
    return [code for f in functions for code in f.inspect_asm().values()]


def _of_addresses(module: ModuleType) -> list[str]:
    functions = [f for f in vars(module).values() if hasattr(f, "address")]
    return [f._library.get_asm_str() for f in functions]


def report(file: str) -> None:
    """Run in a process of its own: write the answers and the registers used."""
    code = machine_code()
    census = {name: code.count(name) for name in ("zmm", "ymm", "vfmadd", "fmaf")}
    torch.save({"census": census, "answers": answers()}, file)


@pytest.fixture(scope="module", params=PROCESSORS)
def other_processor(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, int], Answers]:
    """Name of a processor, the registers and instructions used for it, and the answers."""
    folder = tmp_path_factory.mktemp(request.param)
    done = subprocess.run(
        [
            *(sys.executable, "-c"),
            "import sys; from tests.fff.kernels.cpu.test_isa import report; report(sys.argv[1])",
            str(folder / "report"),
        ],
        env={**os.environ, **PROCESSORS[request.param], "NUMBA_CACHE_DIR": str(folder / "cache")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    contents = torch.load(folder / "report")
    return request.param, contents["census"], contents["answers"]


@X86
def test_the_code_for_another_processor_uses_its_registers_alone(other_processor) -> None:
    name, census, _ = other_processor

    assert census["zmm"] == 0
    assert (census["ymm"] > 0, census["vfmadd"] > 0) == (name == "avx2",) * 2
    assert (census["fmaf"] > 0) == (name == "sse")  # one number at a time, by the C library


@X86
def test_another_processor_gives_the_same_leaves(other_processor) -> None:
    _, _, elsewhere = other_processor
    here = answers()

    different = [
        name for name in here if "leaf" in name and not torch.equal(here[name], elsewhere[name])
    ]

    assert here.keys() == elsewhere.keys()
    assert not different


@X86
def test_another_processor_gives_the_same_bits(other_processor) -> None:
    _, _, elsewhere = other_processor

    different = [name for name, value in answers().items() if not equal(value, elsewhere[name])]

    assert not different


def equal(left: torch.Tensor, right: torch.Tensor) -> bool:
    """To the last bit, and of whatever is no number."""
    return torch.equal(left.view(torch.int32), right.view(torch.int32))


def test_the_answers_are_numbers() -> None:
    """Otherwise their equality would mean little; what overflows is the hard rows' alone."""
    outputs = answers()

    expected = [name for name in outputs if not name.startswith(("hard", "narrow-not"))]
    assert all(outputs[name].isfinite().all() for name in expected)
