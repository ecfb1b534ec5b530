"""Files that must not be imported: archives changed after torch.save, pickles written by hand."""

import io
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import torch

from tests.model_store import foreign

FOLDER = "model"


def entries() -> dict[str, bytes]:
    """What `torch.save` writes for an honest state_dict, entry by entry."""
    buffer = io.BytesIO()
    torch.save(OrderedDict(foreign.fastfeedforward()), buffer)
    with zipfile.ZipFile(buffer) as archive:
        return {n.partition("/")[2]: archive.read(n) for n in archive.namelist()}


def write_zip(
    path: Path, content: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED
) -> Path:
    """An archive with correct checksums; names are inside torch's folder unless they begin `/`."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in content.items():
            archive.writestr(name[1:] if name.startswith("/") else f"{FOLDER}/{name}", data)
    return path


def with_pickle(path: Path, pickle: bytes) -> Path:
    """An honest archive whose `data.pkl` is another."""
    return write_zip(path, entries() | {"data.pkl": pickle})


def short(text: str) -> bytes:
    """SHORT_BINUNICODE."""
    return b"\x8c" + bytes([len(text)]) + text.encode()


# What each would do if it were run: call a function of the name in the test's message.
CALLS = {
    "reduce": (b"\x80\x02cposix\nsystem\nX\x04\0\0\0true\x85R.", "posix.system"),
    "inst": (b"(X\x04\0\0\0trueiposix\nsystem\n.", "posix.system"),
    "old-name": (b"\x80\x02c__builtin__\neval\nX\x01\0\0\0001\x85R.", "__builtin__.eval"),
    "allocation": (b"\x80\x02cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.", "builtins.bytearray"),
    "nested-name": (b"\x80\x04ccollections\nabc.sys.exit\n)R.", "collections.abc.sys.exit"),
    "control-code": (b"\x80\x02cos\n\x1b[2Jsystem\n)R.", r"'os.\x1b[2Jsystem'"),
    "stack": (b"\x80\x04" + short("posix") + short("system") + b"\x93)R.", "posix.system"),
    "memo": (
        b"\x80\x04" + short("posix") + b"\x94" + short("system") + b"\x94h\0h\1\x93)R.",
        "posix.system",
    ),
    "hidden": (  # the texts just before STACK_GLOBAL are not its names
        b"\x80\x04" + short("posix") + short("system") + b"N0\x93)R.",
        "a name hidden on the pickle's stack",
    ),
    "decoy": (  # allowed names are pushed last and popped again
        b"\x80\x04"
        + short("posix")
        + short("system")
        + short("collections")
        + b"0"
        + short("OrderedDict")
        + b"0\x93)R.",
        "a name hidden on the pickle's stack",
    ),
    "extension": (b"\x80\x02\x82\x01)R.", "copyreg.extension-1"),
}
