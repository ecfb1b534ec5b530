"""
Taking a model or a version out of a store: hidden in one step, then deleted.

A reader sees it whole or not at all, and what is open stays readable until it is closed. A crash
before the end leaves a hidden folder, which the next removal beside it deletes.
"""

import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from model_store.errors import StoreNotWritable, refusal
from model_store.version_files import flush

_HIDDEN = ".removed-"


def remove_version(folder: Path) -> None:
    """
    Remove a version, and its model's folder where nothing else is in it.

    Raises:
        StoreNotWritable: The disk or its permissions refuse.
    """
    remove_model(folder)
    with suppress(OSError):
        folder.parent.rmdir()


def remove_model(folder: Path) -> None:
    """
    Remove a model; of a link to one the link, and not what it leads to.

    Raises:
        StoreNotWritable: The disk or its permissions refuse.
    """
    hidden = folder.with_name(_HIDDEN + secrets.token_hex(8))
    try:
        folder.rename(hidden)
        flush(folder.parent)
        _delete(hidden)
    except OSError as exc:
        why = refusal(exc, f"write to {folder.parent}")
        raise StoreNotWritable(f"{folder} cannot be removed: {why}") from exc
    for left in folder.parent.glob(f"{_HIDDEN}*"):
        with suppress(OSError):
            _delete(left)


def _delete(path: Path) -> None:
    if path.is_symlink():
        os.unlink(path)
    else:
        shutil.rmtree(path)
