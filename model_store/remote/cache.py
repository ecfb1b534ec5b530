"""
Copies of a remote store's versions on this machine, each written all or nothing.

`$XDG_CACHE_HOME/fff-serve/stores/<store>/<model>/<version>/`, by default below `~/.cache`: the
layout of a store, and beside a version's two files a third one that says which object its weights
were copied from.

Covered:      several processes that share a cache; a crash midway; a full disk.
Not covered:  when a copy is made and what is checked (`model_store.remote.store`).
"""

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from model_store.errors import CacheUnusable, refusal
from model_store.user_folders import user_folder
from model_store.version_files import MANIFEST_FILE, WEIGHTS_FILE, flush

_SOURCE_FILE = "source"


def cache_folder(url: str) -> Path:
    """
    Where copies of a store are kept; nothing is made.

    Raises:
        CacheUnusable: There is no home folder, and XDG_CACHE_HOME names none.
    """
    try:
        home = user_folder("XDG_CACHE_HOME", ".cache")
    except RuntimeError as exc:
        raise CacheUnusable("this user has no home folder: set XDG_CACHE_HOME") from exc
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", url)[:80]
    return home / "fff-serve" / "stores" / f"{name}-{sha256(url.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Original:
    """
    A version as the server has it, which a copy is of.

    Attributes:
        name: Of the model.
        version: Of the model.
        manifest: The manifest file's bytes.
        identity: Of the object with the weights; another one has another.
        size: Of the weights, in bytes.
    """

    name: str
    version: int
    manifest: bytes
    identity: str
    size: int


class VersionCache:
    """
    Copies of one store.

    Args:
        root: A folder; it is made when the first copy is.
    """

    def __init__(self, root: Path):
        self.root = root

    def folder(self, name: str, version: int) -> Path:
        """Where a version's copy is, or would be."""
        return self.root / name / str(version)

    def holds(self, original: Original) -> bool:
        """Whether there is a whole copy of just this one: its manifest and its weights."""
        folder = self.folder(original.name, original.version)
        try:
            return (
                (folder / MANIFEST_FILE).read_bytes() == original.manifest
                and (folder / _SOURCE_FILE).read_text() == original.identity
                and (folder / WEIGHTS_FILE).stat().st_size == original.size
            )
        except (OSError, ValueError):
            return False

    @contextmanager
    def locked(self, name: str, version: int) -> Iterator[None]:
        """
        Let one process at a time copy or drop a version; the others wait.

        A cache that cannot be written to is not locked: it may hold what is looked for.
        """
        descriptor = None
        with suppress(OSError):
            (self.root / name).mkdir(parents=True, exist_ok=True)
            lock = self.root / name / f".lock-{version}"
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            with self._writing():
                if descriptor is not None:
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def put(self, original: Original, write: Callable[[BinaryIO], None]) -> None:
        """
        Make a copy in the place of one that may be there; only while it is `locked`.

        Args:
            original: Which version it is of.
            write: Writes the weights; if it raises, no copy is made and the one before stays.

        Raises:
            CacheUnusable: There is no room, or no permission.
        """
        folder = self.folder(original.name, original.version)
        staging = folder.with_name(f".fetching-{original.version}")
        with self._writing():
            shutil.rmtree(staging, ignore_errors=True)  # a crash has left it
            staging.mkdir(parents=True)
            self._require_room(original.size)
            (staging / _SOURCE_FILE).write_text(original.identity)
            (staging / MANIFEST_FILE).write_bytes(original.manifest)
            weights = (staging / WEIGHTS_FILE).open("xb")
        try:
            with self._writing(), weights:
                write(weights)
            with self._writing():
                for path in (*staging.iterdir(), staging):
                    flush(path)
                self.drop(original.name, original.version)
                staging.rename(folder)
                flush(folder.parent)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise

    def drop(self, name: str, version: int) -> None:
        """Remove a copy, if there is one; who has it open keeps it. Only while it is `locked`."""
        folder = self.folder(name, version)
        hidden = folder.with_name(f".dropped-{version}")
        shutil.rmtree(hidden, ignore_errors=True)
        with suppress(FileNotFoundError):
            folder.rename(hidden)
            shutil.rmtree(hidden, ignore_errors=True)

    def keep_only(self, name: str, versions: Iterable[int]) -> None:
        """Remove the copies of a model's versions that the store has no more."""
        with suppress(OSError):
            for folder in (self.root / name).iterdir():
                if folder.name.isdecimal() and int(folder.name) not in versions:
                    with self.locked(name, int(folder.name)):
                        self.drop(name, int(folder.name))

    def _require_room(self, size: int) -> None:
        free = shutil.disk_usage(self.root).free
        if free < size:
            raise CacheUnusable(
                f"the cache {self.root} needs {size:,} bytes for a model, its disk has {free:,}; "
                "XDG_CACHE_HOME names another place"
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise CacheUnusable(
                f"the cache {self.root} cannot be written: {refusal(exc, 'write to it')}; "
                "XDG_CACHE_HOME names another place"
            ) from exc
