"""The kernel's layout: the same bytes in whatever chunks the weights are read."""

import numpy as np
import pytest

from fff import chunks
from fff.kernels.cpu.layout import pack
from tests.fff.networks import tree

NETWORKS = {
    "wide-leaves": tree(100, 4, 40, 70),
    "narrow-leaves": tree(100, 5, 2, 70),
    "no-output-bias": tree(30, 3, 8, 17, leaf_output_bias=False),
    "one-leaf": tree(30, 0, 8, 17),
    "narrow-rows": tree(5, 4, 11, 9),
}


@pytest.mark.parametrize("storage", ["float32", "bfloat16"])
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("chunk_bytes", [1, 50_000])
def test_reading_in_chunks_leaves_no_trace(
    chunk_bytes: int, network: str, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pack(NETWORKS[network], storage)
    monkeypatch.setattr(chunks, "CHUNK_BYTES", chunk_bytes)

    chunked = pack(NETWORKS[network], storage)

    assert np.array_equal(chunked.records, whole.records)
    assert np.array_equal(chunked.nodes, whole.nodes)
    assert np.array_equal(chunked.node_stats, whole.node_stats)
    assert chunked.fields == whole.fields
    assert (chunked.node_records is None) == (whole.node_records is None)
    if chunked.node_records is not None and whole.node_records is not None:
        assert np.array_equal(chunked.node_records, whole.node_records)


@pytest.mark.parametrize(("count", "item_bytes"), [(0, 5), (1, 10**9), (7, 3), (100, 0)])
def test_chunks_cover_everything_once_and_in_order(
    count: int, item_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 10)

    slices = list(chunks.chunk_slices(count, item_bytes))

    assert [k for part in slices for k in range(part.start, part.stop)] == list(range(count))
    assert all(item_bytes * (part.stop - part.start) <= max(10, item_bytes) for part in slices)
