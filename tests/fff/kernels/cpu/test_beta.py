"""FFF-beta's kernel stays within its memory; answers: `tests/fff/test_beta_backends.py`."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from fff.kernels.cpu.beta import BetaLayer, NumbaBeta
from fff.kernels.cpu.beta_layout import MAX_DEPTH, pack
from tests.fff.kernels.cpu.test_narrow import guarded, guarded_copy
from tests.fff.networks import neurons, rows

CPU = torch.device("cpu")


@pytest.mark.skipif(sys.platform != "linux", reason="protects a page by the C library of Linux")
@pytest.mark.parametrize("n", [1, 7, 65])
@pytest.mark.parametrize("shape", [(1, 2, 1, 1), (16, 1, 3, 33), (19, 4, 2, 48), (47, 0, 130, 5)])
def test_nothing_is_read_or_written_beyond_the_data(
    shape: tuple[int, int, int, int], n: int
) -> None:
    """A process that does so dies here."""
    i, d, k, o = shape
    x, w = rows(n, i), neurons(i, d, k, o)
    w.w_in[:], w.b_in[:] = 0, 1  # all rows meet the last neuron
    packed = pack(w)
    packed = replace(packed, records=guarded_copy(packed.records), stats=guarded_copy(packed.stats))
    there = torch.from_numpy(guarded_copy(x.numpy()))
    logits, leaf, margin = (
        torch.from_numpy(guarded(4 * size).view(kind))
        for size, kind in ((n * o, np.float32), (n * k, np.int32), (n * k, np.float32))
    )
    out = logits, leaf, margin, logits.data_ptr(), leaf.data_ptr(), margin.data_ptr()

    BetaLayer(packed, 1).run(n, there.data_ptr(), out, None, brief=True)

    assert leaf.tolist() == [2**d - 1] * (n * k)
    assert torch.equal(logits.view(n, o), NumbaBeta(w, CPU).infer(x).logits)


def test_trees_too_deep_for_the_kernel_are_refused_before_memory_is_taken() -> None:
    # Views of one number: as many neurons would be 8 GB and more.
    nodes = 2 ** (MAX_DEPTH + 2) - 1
    w = replace(
        neurons(1, 0, 1, 1),
        w_in=torch.zeros(1).expand(1, nodes, 1),
        b_in=torch.zeros(1).expand(1, nodes),
        w_out=torch.zeros(1).expand(1, nodes, 1),
    )

    with pytest.raises(ValueError, match=f"depths to {MAX_DEPTH}; got gelu and {MAX_DEPTH + 1}"):
        NumbaBeta(w, CPU)
