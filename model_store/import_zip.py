"""
Checks that a zip has the shape that `torch.save` writes.

torch reads zips with another library than Python does. Whatever two readers could see
differently (a name that is there twice or in another case, a second folder) is refused, so
that the pickle that was checked is the pickle that is loaded.

Covered:      names, compression, sizes and checksums of the entries.
Not covered:  what is in `data.pkl`: `model_store.import_pickle`.
"""

import struct
import zipfile
from collections import Counter
from collections.abc import Iterable
from typing import BinaryIO

from model_store.errors import ImportRefused

MAX_PICKLE_BYTES = 1 << 20  # a tensor takes about 100 bytes of data.pkl; a layer has 15

# What zipfile raises on bytes that are no whole zip; OSError for a seek to before the start.
_DAMAGED = (
    zipfile.BadZipFile,
    EOFError,
    NotImplementedError,
    OSError,
    ValueError,
    struct.error,
)
_ENCRYPTED = 0x1  # bit of a zip entry's flags
_SHOWN = 5  # names in a message


def read_description(file: BinaryIO, size: int, where: str) -> bytes:
    """
    Check an archive and return its `data.pkl`, which describes the tensors.

    Args:
        file: The archive, open for reading bytes.
        size: The file's length in bytes; the entries may not claim more.
        where: The file's name in messages.

    Returns:
        The content of `data.pkl`: a pickle, at most `MAX_PICKLE_BYTES`.

    Raises:
        ImportRefused: If it is damaged, or not what `torch.save` writes for a state_dict.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            description = _check_entries(archive.infolist(), size, where)
            damaged = archive.testzip()
            if damaged is not None:
                raise zipfile.BadZipFile(f"the checksum of {damaged} does not match")
            return archive.read(description)
    except _DAMAGED as exc:
        raise ImportRefused(
            f"{where}: a whole zip archive was expected, got a truncated or damaged one: {exc}"
        ) from exc


def _check_entries(entries: list[zipfile.ZipInfo], size: int, where: str) -> zipfile.ZipInfo:
    """Check all entries; returns the one of `data.pkl`."""
    names = [entry.filename for entry in entries]
    folder = names[0].partition("/")[0] if names else "NAME"
    if any(name.startswith((f"{folder}/code/", f"{folder}/constants.pkl")) for name in names):
        raise ImportRefused(
            f"{where}: a TorchScript archive carries a program; a state_dict was expected: "
            "torch.save(module.state_dict(), path)"
        )
    if f"{folder}/data.pkl" not in names:
        raise ImportRefused(
            f"{where}: a zip written by torch.save holds {folder}/data.pkl, "
            f"this one holds {_listed(names)}"
        )
    _check_names(names, folder, where)
    _check_sizes(entries, size, where)
    description = entries[names.index(f"{folder}/data.pkl")]
    if description.file_size > MAX_PICKLE_BYTES:
        raise ImportRefused(
            f"{where}: data.pkl must be at most {MAX_PICKLE_BYTES} bytes, "
            f"got {description.file_size}"
        )
    return description


def _check_names(names: list[str], folder: str, where: str) -> None:
    times = Counter(name.lower() for name in names)  # torch's reader ignores case
    wrong = [n for n in names if times[n.lower()] > 1 or not n.startswith(f"{folder}/")]
    if wrong:
        raise ImportRefused(
            f"{where}: every entry must be there once and under {folder}/, got {_listed(wrong)}"
        )


def _check_sizes(entries: list[zipfile.ZipInfo], size: int, where: str) -> None:
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & _ENCRYPTED:
            raise ImportRefused(
                f"{where}: entries must be stored as they are, as torch.save does; "
                f"{entry.filename} is compressed or encrypted"
            )
    claimed = sum(entry.file_size for entry in entries)
    if claimed > size:
        raise ImportRefused(f"{where}: entries claim {claimed} bytes, the whole file has {size}")


def _listed(names: Iterable[str]) -> str:
    """The first names, fit for a terminal, and how many there are beyond."""
    printable = [name if name.isprintable() else ascii(name) for name in names]
    rest = f" and {len(printable) - _SHOWN} more" if len(printable) > _SHOWN else ""
    return ", ".join(printable[:_SHOWN]) + rest if printable else "nothing"
