"""
The two files of a version, read with care and written all or nothing.

Both are written and flushed in a hidden folder that is then renamed: a crash midway leaves nothing
that a listing or a load would see.
"""

import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from fff.weights import Weights
from model_store.errors import ManifestInvalid, WeightsInvalid
from model_store.files import StoredFile, UnfitFile, read_small
from model_store.manifest import DenseManifest, FFFManifest, new_manifest, parse_manifest
from model_store.weights_file import write_tensors

MANIFEST_FILE = "manifest.json"
WEIGHTS_FILE = "model.safetensors"
MOST_MANIFEST_BYTES = 64 << 20
"""Reference counts of four million leaves, one a line, indented by six."""


def read_manifest(folder: Path, where: str) -> FFFManifest | DenseManifest:
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


def write_version(
    model: Path, weights: Weights, fields: Mapping[str, object], versions: Callable[[], list[int]]
) -> tuple[FFFManifest | DenseManifest, int]:
    """
    Add the next version to a model's folder.

    Args:
        model: The folder, made where it is not there.
        weights: Checked before.
        fields: Of the manifest, those that do not follow from the weights.
        versions: Lists those that are there.

    Returns:
        The manifest, and the version's number.

    Raises:
        ManifestInvalid: A field that a manifest cannot hold.
        OSError: The disk or its permissions refuse.
    """
    model.mkdir(parents=True, exist_ok=True)
    staging = model / f".staging-{secrets.token_hex(8)}"
    staging.mkdir()
    try:
        write_tensors(staging / WEIGHTS_FILE, weights.tensors())
        sha256 = open_weights(staging, f"model {model.name!r}").hash()
        manifest = new_manifest(weights, sha256=sha256, **fields)
        text = manifest.model_dump_json(indent=2) + "\n"
        if len(text) > MOST_MANIFEST_BYTES:
            raise ManifestInvalid(f"a manifest may hold {MOST_MANIFEST_BYTES:,} bytes")
        (staging / MANIFEST_FILE).write_text(text, encoding="utf-8")
        # A file of tensors is its owner's alone; a container's user must read it too.
        shutil.copymode(staging / MANIFEST_FILE, staging / WEIGHTS_FILE)
        for path in (staging / WEIGHTS_FILE, staging / MANIFEST_FILE, staging):
            _flush(path)
        return manifest, _rename(staging, model, versions)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def _rename(staging: Path, model: Path, versions: Callable[[], list[int]]) -> int:
    version = max(versions(), default=0) + 1
    while True:
        try:
            staging.rename(model / str(version))
        except OSError:
            if not (model / str(version)).exists():
                raise
            version += 1  # another publisher was faster
        else:
            _flush(model)
            return version


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
