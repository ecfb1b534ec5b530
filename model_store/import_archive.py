"""
Reading a foreign file as named tensors and nothing else.

Covered:      what `torch.save` writes for a state_dict (torch 1.6 and later), and safetensors;
              told apart by content. Tensors saved on any device come to the CPU.
Not covered:  older pickles, TorchScript, whole modules: refused, each with what to do instead.

A `torch.save` file passes three checks: the zip's shape (`import_zip`), the names in its pickle
(`import_pickle`), and torch's own restricted unpickler.

Own code before torch's `weights_only`, which has had a hole that ran code (CVE-2025-32434). Of
50,000 random mutations none passed all three and made torch do anything but build tensors
(2026-11-24, docs/decisions/0004-parsing-foreign-checkpoints.md).
"""

import os
import struct
import warnings
from pickle import UnpicklingError  # the name alone: nothing here unpickles
from typing import BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from model_store.errors import ImportRefused
from model_store.import_pickle import refuse_code
from model_store.import_zip import read_description

# What torch's restricted unpickler raises on pickles that no honest program wrote.
_MALFORMED = (
    UnpicklingError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # an entry; the end of an empty archive
_SAFETENSORS = b"\0\0\0\0{"  # high half of the JSON header's length, then the header
_PICKLE = b"\x80"  # PROTO, the first opcode since protocol 2
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_HEAD_BYTES = 64


def read_tensors(file: BinaryIO, where: str) -> dict[str, Tensor]:
    """
    Read every tensor of a file.

    Args:
        file: Open for reading bytes; all reading is from this handle, so that what is checked
            is what is loaded.
        where: The file's name in messages.

    Returns:
        The tensors by name, of any dtype, on the CPU.

    Raises:
        ImportRefused: If it is anything but a state_dict, or carries code.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    if head.startswith(_ZIP):
        return _read_torch(file, size, where)
    if head[4:9] == _SAFETENSORS:
        return _read_safetensors(file, where)
    raise ImportRefused(f"{where}: {_refusal(head)}")


def _read_torch(file: BinaryIO, size: int, where: str) -> dict[str, Tensor]:
    pickle = read_description(file, size, where)
    # Malformed pickles make pickletools and torch warn; the refusal says what the user needs.
    with warnings.catch_warnings(action="ignore"):
        refuse_code(pickle, where)
        file.seek(0)
        try:
            loaded = torch.load(file, map_location="cpu", weights_only=True)
        except _MALFORMED as exc:
            raise ImportRefused(f"{where}: torch cannot read it: {_reason(exc)}") from exc
    return _state_dict(loaded, size, where)


def _reason(exc: Exception) -> str:
    # torch wraps the reason in advice to load the file unchecked.
    wrapped = exc.__context__ if isinstance(exc, UnpicklingError) else None
    return str(wrapped or exc).partition("\n")[0] or type(exc).__name__


def _state_dict(loaded: object, size: int, where: str) -> dict[str, Tensor]:
    if not isinstance(loaded, dict):
        raise ImportRefused(f"{where}: a state_dict was expected, got {_kind(loaded)}")
    # dict.items, not loaded.items: a pickle may give an OrderedDict attributes of any name.
    tensors: dict[str, Tensor] = {}
    for name, value in dict.items(loaded):
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise ImportRefused(
                f"{where}: a state_dict of named tensors was expected, {name!r} holds "
                f"{_kind(value)}; save the state_dict alone: torch.save(model.state_dict(), path)"
            )
        tensors[name] = value.detach()
    claimed = sum(t.numel() * t.element_size() for t in tensors.values())
    if claimed > size:  # a stride of 0 makes a tensor of any size out of one number
        raise ImportRefused(f"{where}: tensors claim {claimed} bytes, the whole file has {size}")
    return tensors


def _read_safetensors(file: BinaryIO, where: str) -> dict[str, Tensor]:
    try:
        return load(file.read())
    except SafetensorError as exc:
        raise ImportRefused(f"{where}: not a whole safetensors file: {exc}") from exc


def _refusal(head: bytes) -> str:
    """Why a file that is neither a torch.save archive nor safetensors is refused."""
    expected = "a file written by torch.save or a .safetensors file was expected"
    if not head:
        return f"{expected}, this one is empty"
    if head.startswith(_LFS_POINTER):
        return f"{expected}, got a Git LFS pointer to it; fetch the file with 'git lfs pull'"
    if head.startswith(_PICKLE):
        return (
            "a pickle, such as torch.save wrote before PyTorch 1.6, cannot be checked without "
            "running it; if you trust it, load it there and save it again: "
            "torch.save(torch.load(path, weights_only=True), new_path)"
        )
    if all(c.isprintable() or c.isspace() for c in head.decode("utf-8", "ignore")):
        return f"{expected}, got text beginning {head[:24]!r}"
    return f"{expected}, got bytes beginning {head[:8].hex(' ')}"


def _kind(value: object) -> str:
    return type(value).__name__
