"""
What lies below a URL: folders and objects, read through fsspec.

Covered:      listing, size and identity of an object, reading it in blocks; every failure becomes
              one of the store's errors, in one line and without secrets.
Not covered:  what the objects hold (`model_store.remote.store`).
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from fsspec.spec import AbstractBufferedFile

from model_store.errors import StoreUnreachable
from model_store.files import Stamp
from model_store.remote.file_systems import begin_question, for_scheme
from model_store.remote.url import StoreUrl, redacted

BLOCK_BYTES = 8 << 20
"""Asked for at once: large beside what a question costs, small beside the memory of a service."""
_MOST_REASON = 300  # characters
_IDENTITY = ("ETag", "etag", "lfs", "xet_hash", "blob_id", "LastModified", "mtime")
"""What tells an object from another one of the same size, the best first."""
_REFUSED = (
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "GatedRepoError",
)
_CREDENTIALS = {
    "s3": "credentials are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role; "
    "for a public bucket set FSSPEC_S3_ANON=true",
    "hf": "the token is HF_TOKEN or that of `hf auth login`",
}


@dataclass(frozen=True, slots=True)
class RemoteObject:
    """
    An object, opened. If it is replaced, reading on fails, where the server can tell.

    Attributes:
        size: Bytes; more are never read.
        identity: Another object in its place has another one.
    """

    size: int
    identity: str
    _file: AbstractBufferedFile
    _objects: "Objects"

    @property
    def stamp(self) -> Stamp:
        """Its identity as that of a file: the number that a disk gives each is a digest here."""
        number = int(sha256(self.identity.encode()).hexdigest()[:15], 16)
        return Stamp(0, number, self.size, 0, 0)

    def blocks(self) -> Iterator[bytes]:
        """
        Read all of it.

        Raises:
            StoreUnreachable: It cannot be read to its end.
        """
        left = self.size
        while left:
            with self._objects.asking():
                try:
                    block = self._file.read(min(left, BLOCK_BYTES))
                except FileNotFoundError:
                    raise OSError("an object was removed while it was read") from None
                except OSError as exc:
                    # s3fs reads on with If-Match, and tells its failure in one of two ways.
                    if exc.errno == errno.EBUSY or "precondition" in str(exc):
                        raise OSError("an object was replaced while it was read") from None
                    raise
                if not 0 < len(block) <= left:
                    raise OSError("an object ended before its size")
            left -= len(block)
            yield block


class Objects:
    """
    Folders and objects below a URL.

    Args:
        url: Of a remote store.

    Raises:
        ModuleNotFoundError: A package that its scheme needs is not installed.
    """

    def __init__(self, url: StoreUrl):
        self._url = url
        self._file_system = for_scheme(url.scheme)

    def folders(self, *path: str) -> list[str]:
        """
        Names of the folders in a folder.

        Raises:
            FileNotFoundError: There is none.
            StoreUnreachable: The store does not answer, or refuses.
        """
        with self.asking():
            entries = self._file_system().ls(self._path(path), detail=True, refresh=True)
            names = [e["name"] for e in entries if e["type"] == "directory"]
        return [str(name).rstrip("/").rpartition("/")[2] for name in names]

    def open(self, *path: str) -> RemoteObject:
        """
        Find an object; nothing of it is read yet.

        Raises:
            FileNotFoundError: There is none.
            StoreUnreachable: The store does not answer, or refuses.
        """
        with self.asking():
            file = self._file_system().open(
                self._path(path), "rb", block_size=BLOCK_BYTES, cache_type="none"
            )
            facts: dict[str, Any] = dict(file.details)
            size = int(facts["size"])
        identity = next((str(facts[key]) for key in _IDENTITY if facts.get(key)), "")
        return RemoteObject(size, f"{identity} {size}", file, self)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """
        Turn whatever a library raises into an error of the store.

        Its cause is left out on purpose: libraries write addresses with signatures into theirs.
        """
        begin_question()
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception as exc:
            raise StoreUnreachable(self._why(exc)) from None

    def _why(self, exc: Exception) -> str:
        said = str(exc).strip() or type(exc).__name__
        reason = redacted(said.splitlines()[0])[:_MOST_REASON]
        if isinstance(exc, PermissionError) or type(exc).__name__ in _REFUSED:
            return f"the store {self._url} refuses: {reason}; {_CREDENTIALS[self._url.scheme]}"
        return f"the store {self._url} does not answer: {reason}"

    def _path(self, path: tuple[str, ...]) -> str:
        return "/".join((self._url.path, *path))
