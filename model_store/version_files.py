"""
The files of a version, read with care; nothing of the weights but their hash.

Covered:      finding and opening them, the manifest, the hash; the tokenizer of a network for text.
Not covered:  the tensors (`loading`), writing (`publishing`). Imports no PyTorch.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from model_store.errors import (
    ChecksumMismatch,
    ManifestInvalid,
    ModelNotFound,
    StoreError,
    TokenizerUnfit,
    WeightsInvalid,
)
from model_store.files import StoredFile, UnfitFile, folders, read_small
from model_store.manifest import Manifest, parse_manifest

MANIFEST_FILE = "manifest.json"
WEIGHTS_FILE = "model.safetensors"
TOKENIZER_FILE = "tokenizer.json"
MOST_TOKENIZER_BYTES = 64 << 20
"""The largest of published vocabularies, 256,000 entries with their merges, take half of it."""
MOST_MANIFEST_BYTES = 64 << 20
"""Reference counts of four million leaves, one a line, indented by six."""


def numbers_in(model: Path) -> list[int]:
    """
    Numbers of the versions in a model's folder, oldest first; none if there is no folder.

    Raises:
        OSError: The folder cannot be listed.
    """
    if not model.is_dir() and not model.is_symlink():
        return []
    return sorted(int(n) for n in folders(model) if re.fullmatch("[1-9][0-9]{0,8}", n))


def read_version(folder: Path, where: str) -> tuple[Manifest, StoredFile, bytes | None]:
    """
    Read a version but for its weights, which are opened.

    Returns:
        Its manifest, its weights' file, and its tokenizer where it has one.

    Raises:
        ModelNotFound: It has been removed.
        StoreError: As `read_manifest`, `open_weights` and `read_tokenizer`.
    """
    with unless_removed(folder, where):
        manifest, file = read_manifest(folder, where), open_weights(folder, where)
        return manifest, file, read_tokenizer(folder, manifest, where)


def read_manifest(folder: Path, where: str) -> Manifest:
    """
    Read the manifest of a version.

    Args:
        folder: Of the version.
        where: The version's name in messages.

    Raises:
        ManifestInvalid: It is missing, malformed, too large, or no regular file.
    """
    try:
        return parse_manifest(read_small(folder / MANIFEST_FILE, MOST_MANIFEST_BYTES), where)
    except UnfitFile as exc:
        raise ManifestInvalid(f"{where}: {exc}") from exc


def open_weights(folder: Path, where: str) -> StoredFile:
    """
    Open the weights of a version; nothing is read yet.

    Args:
        folder: Of the version.
        where: The version's name in messages.

    Raises:
        WeightsInvalid: They are missing, no regular file, or a Git LFS pointer.
    """
    try:
        return StoredFile(folder / WEIGHTS_FILE, where)
    except UnfitFile as exc:
        raise WeightsInvalid(f"{where}: {exc}") from exc


def read_tokenizer(folder: Path, manifest: Manifest, where: str) -> bytes | None:
    """
    Read the tokenizer of a version whose manifest says that it has one.

    Raises:
        TokenizerUnfit: It is missing, too large, or no regular file.
        ChecksumMismatch: It is not the one that the manifest was written for.
    """
    if manifest.tokenizer_hash is None:
        return None
    try:
        content = read_small(folder / TOKENIZER_FILE, MOST_TOKENIZER_BYTES)
    except UnfitFile as exc:
        raise TokenizerUnfit(f"{where}: {exc}") from exc
    return checked_tokenizer(content, manifest, where)


def checked_tokenizer(content: bytes, manifest: Manifest, where: str) -> bytes:
    """
    Hold a tokenizer against the hash of its manifest.

    Raises:
        ChecksumMismatch: They differ.
    """
    found = sha256(content).hexdigest()
    if found != manifest.tokenizer_hash:
        raise ChecksumMismatch(
            f"{where}: the manifest was written for a {TOKENIZER_FILE} with SHA-256 "
            f"{manifest.tokenizer_hash}, the file has {found}"
        )
    return content


def check_hash(file: StoredFile, manifest: Manifest, where: str) -> None:
    """
    Hold a whole file against the hash of its manifest.

    Raises:
        ChecksumMismatch: They differ.
        FileChanged: The file is cut short meanwhile.
    """
    require_hash(file.hash(), manifest, where, "the file")


def require_hash(sha256: str, manifest: Manifest, where: str, holder: str) -> None:
    """
    Hold the hash of weights against that of their manifest.

    Args:
        sha256: In hexadecimal digits.
        manifest: Of the version.
        where: The version's name in messages.
        holder: Of the weights, in messages.

    Raises:
        ChecksumMismatch: They differ.
    """
    if sha256 != manifest.sha256:
        raise ChecksumMismatch(
            f"{where}: the manifest was written for weights with SHA-256 {manifest.sha256}, "
            f"{holder} has {sha256}"
        )


@contextmanager
def unless_removed(folder: Path, where: str) -> Iterator[None]:
    """
    Read a version that may be removed meanwhile.

    Raises:
        ModelNotFound: In place of any other `StoreError`, if the version has gone.
    """
    try:
        yield
    except StoreError as exc:
        if os.path.lexists(folder):
            raise
        raise ModelNotFound(f"{where} has been removed") from exc


def flush(path: Path) -> None:
    """
    Have a file or a folder written to the disk.

    Raises:
        OSError: The disk failed.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
