"""Which number type a layer scores in, and which it answers in, under autocast and without."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def wide(tensor: Tensor) -> Tensor:
    """The tensor in the number type that scores are computed in: float64 if it is, else float32."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def at_full_precision(x: Tensor) -> AbstractContextManager[object]:
    """Keep autocast away from what is computed on the tensor's device."""
    if torch.amp.is_autocast_available(x.device.type):
        return torch.autocast(x.device.type, enabled=False)
    return nullcontext()


def autocast_dtype(x: Tensor) -> torch.dtype | None:
    """What autocast has layers answer in on the tensor's device; None where it is off."""
    kind = x.device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        return torch.get_autocast_dtype(kind)
    return None
