"""
Every backend keeps the reference's promises: its leaf exactly, its logits to float32.

Run on the CPU, and on a CUDA device where there is one.
"""

import sys
from collections.abc import Callable
from itertools import product
from subprocess import CalledProcessError
from unittest.mock import Mock

import pytest
import torch

from fff import backends
from fff.activations import ACTIVATIONS
from fff.backends import Backend, build_backend, choose_backend, choose_device
from fff.errors import BackendUnavailable, DeviceLost, DeviceUnavailable
from fff.kernels.torch_grouped import TorchGrouped
from fff.names import KIND_NAMES, Kind
from fff.weights import Weights
from tests.fff.exactness import assert_like_the_reference
from tests.fff.networks import (
    SHAPES,
    Shape,
    dense,
    low_rank,
    mixture,
    multilayer,
    raster,
    rows,
    tree,
)

Build = Callable[[Weights], Backend]

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
NO_CUDA = pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is present")


@pytest.fixture(
    params=[
        ("cpu", "numba"),
        ("cpu", "torch"),
        pytest.param(("cuda", "triton"), marks=CUDA),
        pytest.param(("cuda", "torch"), marks=CUDA),
    ],
    ids="-".join,
)
def build(request: pytest.FixtureRequest) -> Build:
    device, name = request.param
    return lambda weights: build_backend(weights, torch.device(device), name)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_backend_agrees_with_the_reference(build: Build, shape: Shape) -> None:
    x, w = shape.rows(), shape.tree()

    answer = build(w).infer(x)

    assert (answer.logits.shape, answer.leaf.shape) == ((shape.n, shape.o), (shape.n, 1))
    assert (answer.logits.dtype, answer.leaf.dtype) == (torch.float32, torch.int32)
    assert_like_the_reference(answer, x, w)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", ["fff", "dense", "low_rank", "mixture", "multilayer"])
def test_every_activation_is_computed_like_the_reference(
    build: Build, kind: Kind, activation: str
) -> None:
    x, w = rows(40, 12), of_kind(kind, activation)

    assert_like_the_reference(build(w).infer(x), x, w)


def of_kind(kind: Kind, activation: str = "relu") -> Weights:
    networks: dict[Kind, Weights] = {
        "fff": tree(12, 3, 4, 5, 2, activation),
        "dense": dense(12, 20, 5, activation),
        "low_rank": low_rank(12, 4, 20, 5, activation),
        "mixture": mixture(12, 6, 4, 5, 2, activation),
        "multilayer": multilayer(12, (20, 9), 5, activation, features=4),
        "raster": raster((4, 3), 5),
    }
    return networks[kind]


def test_a_lineage_without_output_bias_is_computed_without_it(build: Build) -> None:
    x, w = rows(40, 12), tree(12, 3, 4, 5, leaf_output_bias=False)

    assert_like_the_reference(build(w).infer(x), x, w)


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_ties_all_go_right_by_ge_and_left_by_gt(build: Build, zero: float) -> None:
    ge, gt = tree(6, 3, 2, 3, tie="ge"), tree(6, 3, 2, 3, tie="gt")
    for w in (ge, gt):
        w.node_weight.fill_(zero)
        w.node_bias.fill_(zero)

    assert build(ge).infer(rows(5, 6)).leaf.flatten().tolist() == [7] * 5
    assert build(gt).infer(rows(5, 6)).leaf.flatten().tolist() == [0] * 5


@pytest.mark.parametrize("bias", [0.0, 0.25])
def test_a_margin_is_finite_where_nodes_have_no_weights(build: Build, bias: float) -> None:
    x, w = rows(40, 6), tree(6, 3, 2, 3)
    w.node_weight[1:] = 0  # the root alone is a boundary
    w.node_bias[1:] = bias
    assert_like_the_reference(build(w).infer(x), x, w)

    w.node_weight.zero_()
    assert_like_the_reference(build(w).infer(x), x, w)


def test_a_device_is_automatic_or_exactly_the_one_requested() -> None:
    assert "auto" in choose_device("auto").reason
    assert choose_device("cpu").torch_device == torch.device("cpu")

    with pytest.raises(DeviceUnavailable, match=r"cuda:99 was asked for; \d+ CUDA devices"):
        choose_device("cuda:99")
    with pytest.raises(ValueError, match="must be auto, cpu, cuda or cuda:N; got 'gpu'"):
        choose_device("gpu")


@pytest.mark.parametrize(
    ("device", "name"), [("cpu", "numba"), ("cuda", "triton"), ("cuda:1", "triton")]
)
def test_auto_takes_the_kernels_made_for_the_device_and_says_so(device: str, name: str) -> None:
    choice = choose_backend(tree(8, 1, 2, 3), torch.device(device))

    assert choice.name == name
    assert choice.reason.startswith("auto: ")


@pytest.mark.parametrize(
    ("kind", "device"),
    [
        *product(("dense", "low_rank", "multilayer", "raster"), ("cpu", "cuda")),
        ("mixture", "cuda"),
    ],
)
@pytest.mark.parametrize("name", ["auto", "numba", "torch", "triton"])
def test_what_has_no_kernel_of_ours_is_pytorchs_whatever_is_asked_for(
    name: str, kind: Kind, device: str
) -> None:
    choice = choose_backend(of_kind(kind), torch.device(device), name)

    assert choice.name == "torch"
    assert choice.reason == f"{KIND_NAMES[kind]} is the baseline: PyTorch's own kernels"


@pytest.mark.parametrize(("name", "chosen"), [("auto", "numba"), ("torch", "torch")])
def test_a_mixture_on_a_processor_is_computed_as_an_fff_is(name: str, chosen: str) -> None:
    w, cpu = of_kind("mixture"), torch.device("cpu")

    assert choose_backend(w, cpu, name).name == build_backend(w, cpu, name).name == chosen
    with pytest.raises(BackendUnavailable, match="backend triton runs on CUDA devices"):
        choose_backend(w, cpu, "triton")


def test_a_backend_that_does_not_run_on_the_device_is_refused() -> None:
    for device, name in (("cuda", "numba"), ("cpu", "triton")):
        with pytest.raises(BackendUnavailable, match=f"backend {name} runs on .*, not on {device}"):
            build_backend(tree(8, 1, 2, 3), torch.device(device), name)
    with pytest.raises(BackendUnavailable, match="must be one of auto, .*; got 'jax'"):
        build_backend(tree(8, 1, 2, 3), torch.device("cpu"), "jax")


@pytest.fixture
def _two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that reports two devices, of which torch's build here can use none."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@NO_CUDA
@pytest.mark.usefixtures("_two_gpus")
@pytest.mark.parametrize("device", ["auto", "cuda", "cuda:1"])
@pytest.mark.parametrize("kind", [kind for kind in KIND_NAMES if kind != "network"])
def test_on_a_gpu_that_cannot_be_used_the_load_fails_with_its_name(device: str, kind: Kind) -> None:
    w = of_kind(kind)
    chosen = choose_device(device).torch_device
    name = "triton" if kind == "fff" else "torch"
    assert chosen == torch.device("cuda" if device == "auto" else device)

    with pytest.raises(BackendUnavailable, match=f"{name} cannot be made ready on {chosen}:"):
        build_backend(w, chosen)


@pytest.mark.usefixtures("_two_gpus")
def test_a_gpu_beyond_those_present_is_refused() -> None:
    with pytest.raises(DeviceUnavailable, match="cuda:2 was asked for; 2 CUDA devices"):
        choose_device("cuda:2")


def gpu_failures() -> list[Exception]:
    from triton.runtime.errors import OutOfResources

    return [
        OutOfResources(300_000, 232_448, "shared memory"),
        RuntimeError("Failed to find C compiler"),
        RuntimeError("Triton Error [CUDA]: device kernel image is invalid"),
        CalledProcessError(1, ["gcc"]),
        torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
        FileNotFoundError("libcuda.so"),
        ValueError("unsupported"),
    ]


@pytest.mark.parametrize("failure", gpu_failures(), ids=lambda failure: type(failure).__name__)
def test_whatever_fails_while_a_gpu_is_made_ready_is_a_failed_load(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "_triton", Mock(side_effect=failure))

    with pytest.raises(
        BackendUnavailable, match=f"ready on cuda: {type(failure).__name__}$"
    ) as why:
        build_backend(tree(8, 1, 2, 3), torch.device("cuda"))

    assert why.value.__cause__ is failure


def test_too_little_memory_on_a_gpu_is_called_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "_triton", Mock(side_effect=torch.OutOfMemoryError("CUDA")))

    with pytest.raises(torch.OutOfMemoryError):
        build_backend(tree(8, 1, 2, 3), torch.device("cuda"))


def test_without_triton_the_kernels_are_missed_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fff.kernels.gpu.backend", None)

    with pytest.raises(BackendUnavailable, match=r"needs the extra gpu: make install"):
        build_backend(tree(8, 1, 2, 3), torch.device("cuda"))


def test_a_device_that_fails_the_portable_backend_is_lost_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend = build_backend(tree(8, 1, 2, 3), torch.device("cpu"), "torch")
    failure = torch.AcceleratorError("CUDA error: unspecified launch failure")
    monkeypatch.setattr(TorchGrouped, "_route", Mock(side_effect=failure))

    with pytest.raises(DeviceLost, match="cpu failed: CUDA error: unspecified launch failure"):
        backend.infer(rows(2, 8))
