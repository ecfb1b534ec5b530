"""
The store where none is named: a folder of the user's own, seeded with the demo models once.

`$XDG_DATA_HOME/fff-serve/models`, by default `~/.local/share/fff-serve/models`
(https://specifications.freedesktop.org/basedir-spec). It is seeded where it does not exist, all or
nothing, and never again: a demo model that has been removed stays removed.

Where it cannot be made, what only reads gets the demo models of the package. Those are never
written to.
"""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from model_store.errors import StoreNotWritable, refusal
from model_store.store import DEMO_STORE, Store
from model_store.user_folders import user_folder
from model_store.version_files import MANIFEST_FILE, WEIGHTS_FILE, flush

DEMO_MODELS = ("digits", "digits-dense", "terrain", "terrain-fourier", "terrain-raster")
"""What the package brings; beside them others may lie in a checkout."""

_STAGING = ".seeding-"


def default_store(tell: Callable[[str], object]) -> Path:
    """
    The folder to read models from: the user's, or else the package's.

    Args:
        tell: Gets one line if it is the package's.
    """
    try:
        return writable_default_store()
    except StoreNotWritable as exc:
        tell(f"{exc}; using the demo models of the package, read only")
        return DEMO_STORE


def writable_default_store() -> Path:
    """
    The folder to write models to: the user's.

    Raises:
        StoreNotWritable: It is not there and cannot be made.
    """
    try:
        folder = user_folder("XDG_DATA_HOME", ".local/share") / "fff-serve" / "models"
    except RuntimeError as exc:
        raise StoreNotWritable("there is no default store: this user has no home folder") from exc
    try:
        if not os.path.lexists(folder):
            _seed(folder)
    except OSError as exc:
        raise StoreNotWritable(
            f"the default store {folder} cannot be made: {refusal(exc, 'make it')}"
        ) from exc
    return folder


def _seed(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = folder.with_name(_STAGING + secrets.token_hex(8))
    try:
        for source in _demo_files():
            target = staging / source.relative_to(DEMO_STORE)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)  # without its mode: a package may be read only
            flush(target)
        staging.rename(folder)
    except OSError:
        shutil.rmtree(staging, ignore_errors=True)
        if not folder.is_dir():
            raise  # else another process was faster
    flush(folder.parent)
    for left in folder.parent.glob(f"{_STAGING}*"):  # by a crash, or by one that was slower
        shutil.rmtree(left, ignore_errors=True)


def _demo_files() -> Iterator[Path]:
    demo = Store(DEMO_STORE)
    for name in DEMO_MODELS:
        for version in demo.versions(name):
            yield from (demo.folder(name, version) / f for f in (MANIFEST_FILE, WEIGHTS_FILE))
