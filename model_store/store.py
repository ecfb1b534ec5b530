"""
The folder of models: `STORE/<model>/<version>/{manifest.json, model.safetensors}`.

Covered:      listing, loading, publishing that is all or nothing; whether a version that was loaded
              is still the same.
Not covered:  the checks of what is loaded (`model_store.loading`); deletion. A version, once
              published, is never changed by us; what others do to it harms nobody else's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fff.weights import Weights, weight_bytes
from model_store.errors import (
    ManifestInvalid,
    ModelNotFound,
    StoreError,
    StoreMissing,
    StoreNotWritable,
    WeightsInvalid,
)
from model_store.files import Stamp, folders
from model_store.loading import check_hash, load_weights
from model_store.manifest import NAME_PATTERN, DenseManifest, FFFManifest
from model_store.version_files import open_weights, read_manifest, write_version
from model_store.weights_file import UnfitTensor, check_tensors

DEMO_STORE = Path(__file__).parent / "demo"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """
    A loaded and checked version of a model.

    Attributes:
        name: The model's name in the store.
        version: The model's version, from 1.
        manifest: As published, with every field checked.
        weights: Not to be written to. A tree's tensors are read from the version's file where they
            are needed (`FileTensor`), so they are to be let go once a backend has them. Those just
            published are the publisher's own.
        largest: The largest absolute value of each tensor, by its name.
        stamp: Of the weights' file as it was read; None where it was just published.
    """

    name: str
    version: int
    manifest: FFFManifest | DenseManifest
    weights: Weights
    largest: Mapping[str, float]
    stamp: Stamp | None = None

    @property
    def kind(self) -> str:
        return self.manifest.kind

    @property
    def weight_bytes(self) -> int:
        return weight_bytes(self.weights)


class Store:
    """
    Models in a folder.

    Args:
        root: The folder; it need not exist before the first `publish`.
    """

    watch_period_s = 10.0
    """How often to look whether what was loaded is still there; a look is one `stat` a model."""

    def __init__(self, root: Path):
        self.root = root

    def models(self) -> list[str]:
        """
        Names of the models that have at least one version, sorted.

        A folder that cannot be listed is among them; `versions` says why.

        Raises:
            StoreMissing: If the store's folder does not exist, or cannot be listed.
        """
        if not self.root.is_dir():
            raise StoreMissing(f"the store must be a folder of models; {self.root} is none")
        try:
            names = [name for name in folders(self.root) if re.fullmatch(NAME_PATTERN, name)]
        except OSError as exc:
            raise StoreMissing(f"the store {self.root} cannot be listed: {exc.strerror}") from exc
        return sorted(filter(self._has_versions, names))

    def contents(self) -> dict[str, list[int]]:
        """
        Every model with its versions, oldest first; none where its folder cannot be listed.

        Raises:
            StoreMissing: If the store's folder does not exist, or cannot be listed.
        """
        return {name: self._versions_seen(name) for name in self.models()}

    def _versions_seen(self, name: str) -> list[int]:
        try:
            return self._versions(name)
        except OSError:  # of one model; loading it says more
            return []

    def versions(self, name: str) -> list[int]:
        """
        Published versions, oldest first.

        Raises:
            ModelNotFound: If the model has no version.
            StoreMissing: If the store's folder does not exist.
            StoreError: If the model's folder cannot be listed.
        """
        try:
            versions = self._versions(name) if re.fullmatch(NAME_PATTERN, name) else []
        except OSError as exc:
            raise StoreError(
                f"model {name!r}: its folder cannot be listed: {exc.strerror}"
            ) from exc
        if not versions:
            known = ", ".join(self.models()) or "none"
            raise ModelNotFound(f"model {name!r} is not in the store; it holds: {known}")
        return versions

    def manifest(self, name: str, version: int | None = None) -> FFFManifest | DenseManifest:
        """
        Read the manifest of a version, the newest by default, and nothing of its weights.

        Raises:
            ModelNotFound: No such model or version.
            ManifestInvalid: The manifest is missing, malformed or no regular file.
        """
        folder, where = self._find(name, version)
        return read_manifest(folder, where)

    def file_bytes(self, name: str, version: int) -> int:
        """
        Size of a version's weights' file, which is not read.

        Raises:
            WeightsInvalid: It is missing, no regular file, or a Git LFS pointer.
        """
        return open_weights(*self._place(name, version)).size

    def load(self, name: str, version: int | None = None) -> Checkpoint:
        """
        Load a version, the newest by default, with every check.

        Raises:
            ModelNotFound: No such model or version.
            ManifestInvalid: The manifest is missing, malformed, no regular file or disagrees with
                the tensors.
            ChecksumMismatch: The weights are not the manifest's.
            WeightsInvalid: Tensors missing, misshapen, of another dtype, or not finite; or no
                regular file of them.
            FileChanged: The file is written to meanwhile.
        """
        folder, where = self._find(name, version)
        manifest, file = read_manifest(folder, where), open_weights(folder, where)
        weights, largest = load_weights(file, manifest, where)
        return Checkpoint(name, int(folder.name), manifest, weights, largest, file.stamp)

    def stamp(self, name: str, version: int) -> Stamp:
        """
        Tell, without reading it, which file a version's weights are in now.

        Raises:
            WeightsInvalid: It is missing, no regular file, or a Git LFS pointer.
        """
        return open_weights(*self._place(name, version)).stamp

    def check(self, name: str, version: int, manifest: FFFManifest | DenseManifest) -> None:
        """
        Read a version's weights' file and hold it against a manifest's hash.

        Raises:
            ChecksumMismatch: It is another one.
            WeightsInvalid, FileChanged: As `load`.
        """
        folder, where = self._place(name, version)
        check_hash(open_weights(folder, where), manifest, where)

    def publish(self, name: str, weights: Weights, **manifest_fields: object) -> Checkpoint:
        """
        Add the next version of a model, all or nothing.

        Both files are written and flushed in a hidden folder that is then renamed: a crash
        midway leaves nothing that `models` or `load` would see.

        Args:
            name: Letters, digits, `.`, `_` and `-`, at most 64.
            weights: Finite float32 tensors.
            manifest_fields: Those that do not follow from the weights: `origin`, `uint8`, ...

        Raises:
            ManifestInvalid: A name or field that a manifest cannot hold.
            WeightsInvalid: Tensors that loading would refuse.
            StoreNotWritable: If the disk or its permissions refuse.
        """
        if not re.fullmatch(NAME_PATTERN, name):
            raise ManifestInvalid(f"model name must match {NAME_PATTERN}, got {name!r}")
        try:
            largest = check_tensors(weights.tensors())
            manifest, version = write_version(
                self.root / name, weights, manifest_fields, lambda: self._versions(name)
            )
        except UnfitTensor as exc:
            raise WeightsInvalid(f"model {name!r}: {exc}") from exc
        except OSError as exc:
            raise StoreNotWritable(f"the store {self.root} cannot be written: {exc}") from exc
        return Checkpoint(name, version, manifest, weights, largest)

    def _find(self, name: str, version: int | None) -> tuple[Path, str]:
        """Find a version's folder, and its name in messages."""
        versions = self.versions(name)
        number = versions[-1] if version is None else version
        if number not in versions:
            raise ModelNotFound(f"model {name!r} has versions {versions}, not {number}")
        return self._place(name, number)

    def _place(self, name: str, version: int) -> tuple[Path, str]:
        return self.root / name / str(version), f"model {name!r} version {version}"

    def _has_versions(self, name: str) -> bool:
        try:
            return bool(self._versions(name))
        except OSError:
            return True

    def _versions(self, name: str) -> list[int]:
        folder = self.root / name
        if not folder.is_dir() and not folder.is_symlink():
            return []
        return sorted(int(n) for n in folders(folder) if re.fullmatch("[1-9][0-9]{0,8}", n))
