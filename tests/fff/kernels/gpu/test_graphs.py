"""
One graph a batch size: what is replayed is what was asked for, and what happens around it.

Where there is no GPU, CUDA's runtime is a stand-in that runs on the CPU at once, and holds what
the host code calls to the signatures of torch.
"""

import threading
import weakref
from collections.abc import Iterator

import pytest
import torch

from fff import reference
from fff.errors import DeviceLost
from fff.kernels.gpu.dense import GraphedDense
from fff.kernels.gpu.graphs import MOST_ROWS, BatchGraphs, DeviceBatch, buckets
from fff.kernels.torch_dense import Ungrouped
from tests.fff.kernels.gpu.stand_in import Runtime, cuda_on_the_cpu
from tests.fff.networks import dense, low_rank, multilayer, raster, rows

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize("most", [1, 2, 5, 64, 100, 1000, 1024, MOST_ROWS])
def test_a_batch_is_rounded_up_to_at_most_twice_its_rows(most: int) -> None:
    sizes = buckets(most)

    assert sizes[-1] == most
    assert list(sizes) == sorted(set(sizes))
    for n in range(1, most + 1):
        bucket = next(size for size in sizes if size >= n)
        assert bucket < 2 * n or n == 1
        assert n <= 64 or bucket <= 1.5 * n + 1


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    with cuda_on_the_cpu() as runtime:
        yield runtime


@pytest.fixture(params=["called", "replayed"])
def device(request: pytest.FixtureRequest) -> torch.device:
    if request.param == "called":
        return CPU
    if not torch.cuda.is_available():
        request.getfixturevalue("runtime")
    return CUDA


BASELINES = [
    dense(12, 20, 5, "gelu"),
    low_rank(12, 3, 20, 5, "gelu"),
    multilayer(12, (20, 9), 5, "sine", features=4),
    raster((4, 1, 3), 5),
]


@pytest.mark.parametrize("w", BASELINES, ids=lambda w: w.kind)
def test_a_baseline_is_computed_like_the_reference_at_every_size(
    device: torch.device, w: Ungrouped
) -> None:
    net = GraphedDense(w, device, max_rows=24)

    for n in (0, 1, 3, 8, 17, 24, 60):
        x = rows(n, w.input_width, seed=n)
        answer = net.infer(x)

        expected = reference.without_tree(x, w)
        torch.testing.assert_close(answer.logits, expected, rtol=1e-5, atol=1e-5)
        assert (answer.leaf.shape, answer.margin.shape) == ((n, 0), (n, 0))
        assert (answer.leaf.dtype, answer.margin.dtype) == (torch.int32, torch.float32)


def doubled(batch: DeviceBatch, bucket: int) -> None:
    """A computation whose every result is known: doubled rows, and their numbers as leaves."""
    n = int(batch.n_rows)
    batch.logits[:n] = 2 * batch.x[:n, :3]
    batch.leaf[:n] = torch.arange(n, dtype=torch.int32)
    batch.margin[:n] = batch.x[:n, 0]
    batch.rechecked.add_(n)


def test_every_part_of_a_batch_comes_back_as_it_was_written() -> None:
    net = BatchGraphs(CPU, 5, 3, 9, doubled)

    for n in (9, 1, 4, 0, 7):
        x = rows(n, 5, seed=n)
        logits, leaf, margin = (torch.from_numpy(part) for part in net.infer(x))

        assert torch.equal(logits, 2 * x[:, :3])
        assert torch.equal(leaf, torch.arange(n, dtype=torch.int32))
        assert torch.equal(margin, x[:, 0])
    assert net.rechecked_rows == 21


def test_an_answer_is_not_changed_by_the_next_batch() -> None:
    net = BatchGraphs(CPU, 5, 3, 9, doubled)
    first = net.infer(rows(9, 5))
    kept = [part.copy() for part in first]

    net.infer(torch.zeros(9, 5))

    for part, copy in zip(first, kept, strict=True):
        assert (part == copy).all()


def test_rows_written_into_the_staging_memory_are_computed() -> None:
    net = BatchGraphs(CPU, 5, 3, 9, doubled)
    staging, x = net.staging(9), rows(4, 5)
    assert staging.shape == (9, 5)

    staging[:4] = x

    assert torch.equal(torch.from_numpy(net.infer(staging[:4]).logits), 2 * x[:, :3])
    assert net.staging(9).data_ptr() == staging.data_ptr()
    assert net.staging(10).shape == (10, 5)


def test_results_begin_where_a_kernel_can_read_16_bytes_at_once() -> None:
    seen: list[DeviceBatch] = []
    net = BatchGraphs(CPU, 5, 3, 33, lambda batch, bucket: seen.append(batch))

    for n in range(1, 34):
        net.infer(rows(n, 5))

    base = seen[0].n_rows.data_ptr()
    for batch in seen:
        for part in (batch.x, batch.logits, batch.leaf, batch.margin, batch.rechecked):
            assert (part.data_ptr() - base) % 16 == 0
        assert batch.logits.data_ptr() == seen[0].logits.data_ptr()


def test_a_graph_is_captured_once_a_size_and_a_batch_is_one_replay(runtime: Runtime) -> None:
    net = BatchGraphs(CUDA, 5, 3, 9, doubled)
    assert runtime.captures == runtime.replays == len(net.buckets)

    net.infer(rows(3, 5))
    net.infer(rows(20, 5))

    assert runtime.replays == len(net.buckets) + 1 + 3
    assert net.rechecked_rows == 23


def test_a_capture_that_fails_is_ended(runtime: Runtime) -> None:
    def compute(batch: DeviceBatch, bucket: int) -> None:
        if runtime.capturing:
            raise RuntimeError("out of registers")

    with pytest.raises(RuntimeError, match="out of registers"):
        BatchGraphs(CUDA, 5, 3, 9, compute)

    assert not runtime.capturing
    BatchGraphs(CUDA, 5, 3, 9, doubled)


def test_a_device_that_failed_is_lost(runtime: Runtime) -> None:
    net = BatchGraphs(CUDA, 5, 3, 9, doubled)
    runtime.failure = torch.AcceleratorError("CUDA error: an illegal memory access\nmore")

    with pytest.raises(DeviceLost, match="failed: CUDA error: an illegal memory access$"):
        net.infer(rows(3, 5))


def test_a_device_that_lacks_memory_is_not_lost(runtime: Runtime) -> None:
    net = BatchGraphs(CUDA, 5, 3, 9, doubled)
    runtime.failure = torch.AcceleratorError("CUDA error: out of memory")

    with pytest.raises(torch.AcceleratorError):
        net.infer(rows(3, 5))
    runtime.failure = None

    assert len(net.infer(rows(3, 5)).logits) == 3


def test_a_networks_memory_is_freed_with_its_last_reference() -> None:
    device = CUDA if torch.cuda.is_available() else CPU  # a stand-in keeps what it has captured
    net = GraphedDense(dense(12, 20, 5), device, max_rows=24)
    net.infer(rows(3, 12))
    parts = [weakref.ref[object](part) for part in (net, net._graphs, net._graphs._device)]

    del net

    assert [part() for part in parts] == [None, None, None]  # no collection was needed


def test_callers_take_turns() -> None:
    net, wrong = BatchGraphs(CPU, 5, 3, 9, doubled), []

    def call(seed: int) -> None:
        x = rows(9, 5, seed)
        for _ in range(50):
            if not torch.equal(torch.from_numpy(net.infer(x).logits), 2 * x[:, :3]):
                wrong.append(seed)

    threads = [threading.Thread(target=call, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not wrong
    assert net.rechecked_rows == 4 * 50 * 9
