"""
A version's weights, checked: hash, tensors, shapes, and finite numbers.

Covered:      weights in a mapped file, given a manifest that was already parsed.
Not covered:  finding the version (`store`), the file's format (`weights_file`).
"""

import hashlib
from dataclasses import replace
from io import BufferedReader
from pathlib import Path

from safetensors import SafetensorError

from fff.weights import FFFWeights, ShapeError, Weights
from model_store.errors import ChecksumMismatch, ManifestInvalid, WeightsInvalid
from model_store.manifest import DenseManifest, FFFManifest, describe, weights_from
from model_store.weights_file import UnfitTensor, check_tensors, map_tensors


def load_weights(path: Path, manifest: FFFManifest | DenseManifest, where: str) -> Weights:
    """
    Map a version's tensors, with every check against its manifest.

    Args:
        path: The safetensors file.
        manifest: As published; its fields are compared with the tensors.
        where: The version's name in messages.

    Raises:
        ChecksumMismatch: The file's SHA-256 is not the manifest's.
        ManifestInvalid: The manifest disagrees with the tensors.
        WeightsInvalid: Tensors missing, misshapen, of another dtype, or not finite.
    """
    if not path.is_file():
        raise WeightsInvalid(f"{where}: {path.name} is missing")
    with path.open("rb") as file:
        _check_hash(file, manifest, where)
        try:
            mapped = map_tensors(path, file)
            weights = weights_from(manifest, mapped.tensors)
        except (SafetensorError, ShapeError) as exc:
            raise WeightsInvalid(f"{where}: {exc}") from exc
    unknown = mapped.tensors.keys() - weights.tensors().keys()
    if unknown:
        raise WeightsInvalid(f"{where}: tensors {', '.join(sorted(unknown))} have no place in it")
    _check_manifest(manifest, weights, where)
    try:
        check_tensors(mapped.tensors, mapped.release)
    except UnfitTensor as exc:
        raise WeightsInvalid(f"{where}: {exc}") from exc
    return replace(weights, release=mapped.release) if isinstance(weights, FFFWeights) else weights


def _check_hash(file: BufferedReader, manifest: FFFManifest | DenseManifest, where: str) -> None:
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 != manifest.sha256:
        raise ChecksumMismatch(
            f"{where}: the manifest was written for weights with SHA-256 {manifest.sha256}, "
            f"the file has {sha256}"
        )


def _check_manifest(manifest: FFFManifest | DenseManifest, weights: Weights, where: str) -> None:
    for field, value in describe(weights).items():
        recorded = getattr(manifest, field)
        if recorded != value:
            raise ManifestInvalid(
                f"{where}: the manifest says {field} {recorded}, tensors have {value}"
            )
