# mypy: allow-untyped-calls
"""What must hold before a cell is timed: a fast wrong answer is no result."""

from functools import partial

import torch
from torch import Tensor

from bench.gpu.journal import Fields
from bench.gpu.layers import compute
from bench.gpu.sides import Batches, Networks, sides
from bench.parity import ParityError
from fff import reference

ROUTED, EXACT = 512, 32  # rows whose leaves and whose logits are held against the reference
SAME_LEAVES = ("gather_routed", "grouped_mm", "transformers")


def verify(fields: Fields, nets: Networks, batches: Batches) -> None:
    """
    Hold the first batch against the reference, on the device.

    Args:
        fields: Of the cell: `leaves_touched`, and how far rivals on our leaves are from us.
        nets: On the device; without memory, nothing is held against anything.
        batches: Of rows on the device.

    Raises:
        ParityError: If a leaf differs, or a logit is more than twice as far from float64 as
            plain torch's.
    """
    batch, layer = batches.memory[0], nets.layer
    batch.logits.fill_(torch.nan)
    before = batch.rechecked.clone()
    compute(layer, batch)
    if batch.x.is_meta:
        return
    fields["rechecked_rows"] = int(batch.rechecked - before)
    leaf = batch.leaf.long()
    fields["leaves_touched"] = len(leaf.unique())
    true, _ = reference.route(batch.x[:ROUTED], nets.tree)
    wrong = int((leaf[:ROUTED] != true).sum())
    if wrong:
        raise ParityError(f"{wrong} rows take another leaf than the reference's")
    x, some = batch.x[:EXACT], leaf[:EXACT]
    exact = partial(reference.leaves, leaf=some, w=nets.tree)
    truth, plain = exact(x.double()), exact(x.to(nets.dtype))
    off, plain_off = _worst(batch.logits[:EXACT], truth), _worst(plain, truth)
    if not off <= 2 * plain_off + 1e-6 * float(truth.abs().max()):
        raise ParityError(f"logits err by {off:.2g}, plain torch's by {plain_off:.2g}")
    if not bool(batch.logits.isfinite().all()):
        raise ParityError("logits that nobody wrote")
    _hold_rivals(fields, nets, batches, batch.logits.clone())


def _hold_rivals(fields: Fields, nets: Networks, batches: Batches, logits: Tensor) -> None:
    """Largest difference of each, as a share of the largest logit."""
    made = sides(nets, batches)
    for name in SAME_LEAVES:
        try:
            y = made[name]()[0]() if name in made else None
        except RuntimeError:  # what it cannot do, its own measurement says
            continue
        if isinstance(y, Tensor):
            fields[f"{name}_differs"] = _worst(y, logits) / float(logits.abs().max())


def _worst(y: Tensor, truth: Tensor) -> float:
    return float((y.double() - truth).abs().max())
