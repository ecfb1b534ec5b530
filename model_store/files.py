"""
Files of a store, opened with care: a store is a folder that others write.

Covered:      only regular files, links to them followed; bounded sizes; a pipe that never answers;
              Git LFS pointers; what changes while it is read.
Not covered:  what the files hold (`manifest`, `weights_file`).
"""

import errno
import os
import shlex
import stat
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from weakref import finalize

from model_store.errors import FileChanged, StoreMissing, refusal

_LFS_POINTER = b"version https://git-lfs"
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
    stat.S_IFSOCK: "a socket",
}
BLOCK_BYTES = 64 << 10
"""Read and checked together: a row that is read alone costs the block around it."""


class UnfitFile(ValueError):
    """A file that no version of a model may have; the message names it, without its folder."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells, without reading it, that a file has been written or replaced."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> "Stamp":
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def read_small(path: Path, most_bytes: int) -> bytes:
    """
    Read a whole file of bounded size.

    Raises:
        UnfitFile: It is missing, no regular file, too large, or a Git LFS pointer.
        OSError: The disk failed.
    """
    descriptor = _open(path)
    try:
        size = os.fstat(descriptor).st_size
        if size > most_bytes:
            raise UnfitFile(f"{path.name} may hold {most_bytes:,} bytes, it holds {size:,}")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(most_bytes)
    finally:
        os.close(descriptor)
    _refuse_pointer(content, path.name)
    return content


class StoredFile:
    """
    A large file that is read more than once and must be the same each time.

    Nothing is mapped: a file that is cut short makes a read fail, where a map would end the
    process. The first pass, `hash`, notes a checksum of every block; whatever is read later is
    held against it.

    The checksum is CRC-32: it is to find writers by accident, at a fifth of SHA-256's cost. Who
    writes to a store on purpose can write a manifest too.

    Args:
        path: Of the file.
        where: What it belongs to, in messages about a change.

    Attributes:
        size: When it was opened, bytes; what is written behind it later is not read.
        stamp: Of the file as it was opened.

    Raises:
        UnfitFile: It is missing, no regular file, or a Git LFS pointer.
        OSError: The disk failed; of every method.
    """

    def __init__(self, path: Path, where: str):
        self.name, self._where = path.name, where
        self._descriptor = _open(path)
        finalize(self, os.close, self._descriptor)
        found = os.fstat(self._descriptor)
        self.size, self.stamp = found.st_size, Stamp.of(found)
        _refuse_pointer(os.pread(self._descriptor, len(_LFS_POINTER), 0), self.name)
        self._checksums = array("Q")
        self._latest: tuple[int, bytearray] = -1, bytearray()

    def hash(self) -> str:
        """
        Read all of it, and return its SHA-256 in hexadecimal digits.

        Raises:
            FileChanged: It is cut short meanwhile.
        """
        digest, block = sha256(), bytearray(BLOCK_BYTES)
        del self._checksums[:]
        for begin in range(0, self.size, BLOCK_BYTES):
            part = memoryview(block)[: min(BLOCK_BYTES, self.size - begin)]
            self._fill(part, begin)
            digest.update(part)
            self._checksums.append(zlib.crc32(part))
        return digest.hexdigest()

    def read(self, begin: int, into: memoryview) -> None:
        """
        Fill `into`, bytes, from offset `begin` on, with what `hash` has seen there.

        Raises:
            FileChanged: It is another one now.
        """
        done = 0
        while done < len(into):
            number, skipped = divmod(begin + done, BLOCK_BYTES)
            length = min(BLOCK_BYTES, self.size - number * BLOCK_BYTES)
            wanted = min(length - skipped, len(into) - done)
            target = into[done : done + wanted]
            if wanted == length:
                self._check(number, target)
            else:
                target[:] = memoryview(self._block(number, length))[skipped : skipped + wanted]
            done += wanted

    def _block(self, number: int, length: int) -> bytearray:
        latest, block = self._latest
        if latest != number:
            block = bytearray(length)
            self._check(number, memoryview(block))
            self._latest = number, block
        return block

    def _check(self, number: int, into: memoryview) -> None:
        self._fill(into, number * BLOCK_BYTES)
        if zlib.crc32(into) != self._checksums[number]:
            raise self._changed()

    def _fill(self, into: memoryview, begin: int) -> None:
        done = 0
        while done < len(into):
            count = os.preadv(self._descriptor, [into[done:]], begin + done)
            if not count:
                raise self._changed()
            done += count

    def _changed(self) -> FileChanged:
        return FileChanged(f"{self._where}: {self.name} has changed while it was being read")


def require_folder(store: Path) -> None:
    """
    Check that the folder of a store is there.

    Raises:
        StoreMissing: It is not, and the message says how a new one is made; or a folder above it
            hides it from this user.
    """
    try:
        is_folder = stat.S_ISDIR(os.stat(store).st_mode)
    except PermissionError as exc:
        raise StoreMissing(f"the store {store}: {refusal(exc, 'look there')}") from exc
    except OSError:
        is_folder = False
    if not is_folder:
        made = f"mkdir -p {shlex.quote(str(store))}"
        there = (
            "something else is there" if os.path.lexists(store) else f"to make a new one: {made}"
        )
        raise StoreMissing(f"the store must be a folder of models; {store} is none ({there})")


def folders(path: Path) -> Iterator[str]:
    """
    Names in a folder that are folders, or links that lead nowhere.

    Raises:
        OSError: The folder cannot be listed.
    """
    with os.scandir(path) as entries:
        for entry in entries:
            try:
                if entry.is_dir() or (entry.is_symlink() and not os.path.exists(entry.path)):
                    yield entry.name
            except OSError:  # a link in a circle
                yield entry.name


def _open(path: Path) -> int:
    try:
        found = os.stat(path)  # before opening, which alone can set a device going
        _require_regular(found, path.name)
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as exc:
        raise UnfitFile(f"{path.name} {_why(exc)}") from exc
    try:
        _require_regular(os.fstat(descriptor), path.name)
    except UnfitFile:
        os.close(descriptor)
        raise
    return descriptor


def _require_regular(found: os.stat_result, name: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        raise UnfitFile(f"{name} must be a regular file, it is {kind}")


def _why(exc: OSError) -> str:
    if exc.errno == errno.ENOENT:
        return "is missing"
    if exc.errno == errno.ELOOP:
        return "is a link that leads in a circle"
    return f"cannot be opened: {refusal(exc, 'read it')}"


def _refuse_pointer(content: bytes, name: str) -> None:
    if content.startswith(_LFS_POINTER):
        raise UnfitFile(f"{name} is a Git LFS pointer, not the file; `git lfs pull` fetches it")
