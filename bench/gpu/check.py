"""
What must hold on the device before anything is timed.

The interpreter has shown the kernels' logic; only the device can show its own arithmetic, that
a row's bits do not depend on its batch there, and that nothing waits for the host.
"""

import torch
from torch import Tensor

from bench.gpu.sides import DeviceNetworks
from fff import reference

ROWS_CHECKED = 64  # of a batch's logits: the reference computes row by row
SINGLES = 8


class CheckError(RuntimeError):
    """The device does not compute what it is timed for."""


def check(nets: DeviceNetworks, x: Tensor) -> None:
    """
    Compare a batch with the reference.

    Args:
        nets: On the device; the tree is the reference's too.
        x: Rows on the device, `[n, i]`, float32.

    Raises:
        CheckError: If a leaf differs, a logit is more than twice as inexact as plain PyTorch's,
            or a row's bits depend on its batch.
    """
    leaf, _ = reference.route(x, nets.tree)
    prediction = nets.ours.infer(x.cpu())
    wrong = int((prediction.leaf[:, 0] != leaf.cpu()).sum())
    if wrong:
        raise CheckError(f"{wrong} of {len(x)} rows take another leaf than the reference's")
    some = slice(0, ROWS_CHECKED)
    truth = reference.leaves(x[some].double(), leaf[some], nets.tree).cpu()
    plain = reference.leaves(x[some].to(nets.dtype), leaf[some], nets.tree).cpu()
    ours_off, plain_off = _worst(prediction.logits[some], truth), _worst(plain, truth)
    if not ours_off <= 2 * plain_off + 1e-6 * float(truth.abs().max()):  # NaN must not pass
        raise CheckError(f"logits err by {ours_off:.2g}, plain torch by {plain_off:.2g}")
    for k in range(0, len(x), max(1, len(x) // SINGLES)):
        alone = nets.ours.infer(x[k : k + 1].cpu())
        if not torch.equal(alone.logits[0], prediction.logits[k]):
            raise CheckError(f"row {k} has other bits alone than in a batch of {len(x)}")


def check_no_wait(nets: DeviceNetworks, x: Tensor) -> None:
    """
    See that a batch is enqueued without a host synchronisation.

    Raises:
        CheckError: If enqueuing it synchronises.
    """
    rows = x.cpu()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        nets.ours.graphs.start(nets.ours.graphs.load(rows))
    except RuntimeError as exc:
        raise CheckError(f"a batch waits for the device: {exc}") from exc
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.cuda.synchronize()


def _worst(y: Tensor, truth: Tensor) -> float:
    return float((y.double() - truth).abs().max())
