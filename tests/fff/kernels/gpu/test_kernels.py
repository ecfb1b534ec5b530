"""
The Triton kernels, run in Triton's interpreter, and on a GPU where there is one.

Triton decides when it is imported whether it interprets, so the tests of both (`LAWS`) run in
processes of their own, started here; `test_compile.py` compiles the kernels for an H200 without
one.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.requirements import need

ROOT = Path(__file__).parents[4]
LAWS = [f"tests/fff/kernels/gpu/test_{law}.py" for law in ("cases", "groups", "resident", "beta")]


def need_triton() -> None:
    need(importlib.util.find_spec("triton"), "triton (make install EXTRAS=gpu)")


CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"TRITON_INTERPRET": "1"}, id="in-the-interpreter"),
        pytest.param({"FFF_TEST_DEVICE": "cuda"}, id="on-a-gpu", marks=CUDA),
    ],
)
def test_the_kernels_keep_the_references_promises(environment: dict[str, str]) -> None:
    need_triton()

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *LAWS],
        env={**os.environ, **environment, "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_without_a_gpu_and_without_the_interpreter_the_backend_says_what_it_needs() -> None:
    need_triton()
    code = (
        "import torch; from fff.errors import BackendUnavailable\n"
        "from fff.kernels.gpu.backend import TritonGrouped\n"
        "from tests.fff.networks import tree\n"
        "try: TritonGrouped(tree(8, 1, 2, 3), torch.device('cpu'))\n"
        "except BackendUnavailable as exc: print(exc)"
    )
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}

    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert "needs a CUDA device or TRITON_INTERPRET=1" in done.stdout, done.stderr


def test_the_package_is_importable_without_triton() -> None:
    code = "import sys; sys.modules['triton'] = None; import fff.backends, fff.layers"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120)

    assert done.returncode == 0
