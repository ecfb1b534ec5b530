"""
A tensor whose numbers lie in a file until they are needed.

So a tree of many GB is checked and laid out in the memory of a chunk. Indexing reads the rows that
the first index names, where it is a number, a slice or a tensor of numbers; any other operation
reads the whole tensor, anew each time. What is read is an ordinary tensor with its own memory.
"""

import mmap
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, Self

import torch
from torch import Tensor

from model_store.files import StoredFile

_ITEM_BYTES = 4  # float32
_MAPPED_FROM_BYTES = 1 << 16
_OF_SHAPE = {Tensor.__len__, Tensor.size, Tensor.dim, Tensor.numel, Tensor.element_size}


class FileTensor(Tensor):
    """
    Float32 numbers of a file, read only.

    Args:
        file: Hashed before; whatever is read later is what was hashed, or raises `FileChanged`.
        offset: Of the first number, in bytes.
        shape: Of the tensor.
    """

    _file: StoredFile
    _offset: int

    @staticmethod
    def __new__(cls, file: StoredFile, offset: int, shape: Sequence[int]) -> Self:
        made: Self = Tensor._make_wrapper_subclass(cls, shape, dtype=torch.float32)
        made._file, made._offset = file, offset
        return made

    def in_memory(self) -> Tensor:
        """Read all of it."""
        return self._read(0, len(self) if self.ndim else 1).view(self.shape)

    def __getitem__(self, index: Any) -> Tensor:
        first, *others = index if isinstance(index, tuple) else (index,)
        # Two index tensors name pairs, which is no reading of rows.
        rows = None if any(isinstance(other, Tensor) for other in others) else self._rows(first)
        if rows is None:
            return self.in_memory()[index]
        return rows[(slice(None),) * (rows.ndim - self.ndim + 1) + (*others,)] if others else rows

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Tell the shape and the like; compute anything else on tensors in memory."""
        if func.__name__ == "__get__" or func in _OF_SHAPE:
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **(kwargs or {}))
        return func(*map(_in_memory, args), **(kwargs or {}))

    @classmethod
    def __torch_dispatch__(cls, func: object, *_: object) -> Any:
        # Only properties that are tensors, such as `T`, come here. (Computing here would work
        # too, but brings sympy into the process, 45 MB.)
        raise TypeError(f"{func} of a tensor that lies in a file")

    def _rows(self, index: Any) -> Tensor | None:
        """What an index of the first axis names; None if it is not one of the simple kinds."""
        if isinstance(index, slice) and index.step in (None, 1) and self.ndim:
            begin, end, _ = index.indices(len(self))
            return self._read(begin, max(begin, end))
        if type(index) is int and self.ndim and 0 <= index < len(self):
            return self._read(index, index + 1)[0]
        if isinstance(index, Tensor) and index.dtype in (torch.int64, torch.int32):
            return self._gather(index)
        return None

    def _gather(self, index: Tensor) -> Tensor | None:
        # In ascending order, so that a block is read once for all of its rows.
        each, place = torch.unique(index, return_inverse=True)
        if not len(each) or each[0] < 0 or each[-1] >= len(self):
            return None
        return torch.cat([self._read(row, row + 1) for row in each.tolist()])[place]

    def _read(self, begin: int, end: int) -> Tensor:
        """Rows `begin` to `end`, without `end`; of a scalar, the one number as a row."""
        shape = self.shape[1:]
        with torch.inference_mode(False):  # else torch refuses what it takes for a view of this
            rows = _memory(end - begin, *shape)
        if rows.numel():
            start = self._offset + begin * prod(shape) * _ITEM_BYTES
            self._file.read(start, rows.numpy().data.cast("B"))
        return rows


def _memory(*shape: int) -> Tensor:
    """
    Memory that goes back to the system with its tensor.

    The C library keeps up to 32 MB of what is freed for later, in each place that it was freed.
    """
    size = prod(shape) * _ITEM_BYTES
    if size < _MAPPED_FROM_BYTES:
        return torch.empty(shape)
    block = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        block.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(block, dtype=torch.float32).view(shape)


def _in_memory(value: Any) -> Any:
    if isinstance(value, FileTensor):
        return value.in_memory()
    return [_in_memory(one) for one in value] if isinstance(value, list | tuple) else value
