"""A version's weights held against its manifest's hash, and what messages call both."""

from model_store.errors import ChecksumMismatch
from model_store.manifest import DenseManifest, FFFManifest
from model_store.version_files import WEIGHTS_FILE


def version_name(name: str, version: int) -> str:
    """What messages call a version."""
    return f"model {name!r} version {version}"


def require_hash(
    found: str, manifest: FFFManifest | DenseManifest, name: str, version: int
) -> None:
    """
    Hold an object's SHA-256 against the manifest's.

    Raises:
        ChecksumMismatch: They differ.
    """
    if found != manifest.sha256:
        raise ChecksumMismatch(
            f"{version_name(name, version)}: the manifest was written for weights with SHA-256 "
            f"{manifest.sha256}, the object {name}/{version}/{WEIGHTS_FILE} has {found}"
        )
