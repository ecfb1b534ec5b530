"""
Which layers are packed for a kernel at the moment, so that nothing is packed twice.

A layer is known by its parameters: the objects, the memory behind them and how often torch counts
them as written. The fused optimisers write without being counted, so each step of any optimiser
makes every packed layer out of date too. Packed weights live as long as the parameters.

Covered:      several threads; parameters whose memory is replaced (`.to`, `.data =`); layers made
              in inference mode, whose writes torch does not count: packed for each call anew.
Not covered:  writes through `.data` or NumPy, which nothing counts: `forget` is for them.
"""

import threading
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook

from fff.resident import Descend

_Reference = weakref.ReferenceType[Tensor]


@dataclass(frozen=True, slots=True)
class _Entry:
    """
    A packed layer.

    Attributes:
        tensors: What it was packed from.
        storages: Their memory; while these are held, no other memory has their addresses.
        stamp: What was true of them before they were read.
        descend: The packed layer.
    """

    tensors: tuple[_Reference, ...]
    storages: tuple[StorageWeakRef, ...]
    stamp: Hashable
    descend: Descend

    def holds(self, layer: tuple[Tensor, ...], stamp: Hashable) -> bool:
        same = all(ref() is tensor for ref, tensor in zip(self.tensors, layer, strict=True))
        return same and self.stamp == stamp


class PackedLayers:
    """Packed layers by the first of their tensors."""

    def __init__(self) -> None:
        self._entries: dict[int, _Entry] = {}
        self._lock = threading.Lock()
        self._steps = 0
        register_optimizer_step_post_hook(self._count_step)

    def __len__(self) -> int:
        return len(self._entries)

    def find(
        self, layer: tuple[Tensor, ...], options: Hashable, pack: Callable[[], Descend]
    ) -> Descend:
        """
        Return the packed layer, packing it if need be.

        Args:
            layer: Its tensors; those of inference mode are packed and not kept.
            options: What else decides how it is packed.
            pack: Packs it.
        """
        try:
            stamp = (options, self._steps, *map(_written, layer))
        except RuntimeError:  # torch's, of a tensor of inference mode: its writes are not counted
            if any(tensor.is_inference() for tensor in layer):
                return pack()
            raise
        entry = self._entries.get(id(layer[0]))
        if entry is not None and entry.holds(layer, stamp):
            return entry.descend
        with self._lock:  # whoever comes second finds what the first has packed
            entry = self._entries.get(id(layer[0]))
            if entry is None or not entry.holds(layer, stamp):
                entry = self._packed(layer, stamp, pack)
            return entry.descend

    def forget(self, first: Tensor) -> None:
        """Drop what was packed from the layer whose first tensor this is, if anything was."""
        self._entries.pop(id(first), None)

    def _packed(
        self, layer: tuple[Tensor, ...], stamp: Hashable, pack: Callable[[], Descend]
    ) -> _Entry:
        key = id(layer[0])
        # Without the lock: a callback may come while this very thread holds it.
        first = weakref.ref(layer[0], lambda _: self._entries.pop(key, None))
        others = (weakref.ref(tensor) for tensor in layer[1:])
        storages = tuple(_storage(tensor) for tensor in layer)
        entry = _Entry((first, *others), storages, stamp, pack())
        self._entries[key] = entry
        return entry

    def _count_step(self, optimizer: Optimizer, args: object, kwargs: object) -> None:
        self._steps += 1


def _storage(tensor: Tensor) -> StorageWeakRef:
    return StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]  # torch's


def _written(tensor: Tensor) -> Hashable:
    """What changes when a tensor is written to, or its memory replaced."""
    storage: int = tensor.untyped_storage()._cdata
    return tensor._version, storage, tensor.data_ptr(), tensor.stride()
