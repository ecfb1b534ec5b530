"""
The folder of models: `STORE/<model>/<version>/{manifest.json, model.safetensors}`, of a network for
text `tokenizer.json` too.

Covered:      listing, loading, publishing and removing, each all or nothing; whether a version that
              was loaded is still the same.
Not covered:  the checks of what is loaded (`model_store.loading`); which store is the default
              (`model_store.default_store`). A version, once published, is never changed by us; what
              others do to it harms nobody else's.

What loads or publishes is imported where it is needed: listing a store takes less time than
importing PyTorch.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Self

from model_store import version_files
from model_store.baseline import check_baseline
from model_store.checkpoint import Checkpoint as Checkpoint
from model_store.errors import ManifestInvalid, ModelNotFound, StoreError, StoreMissing, refusal
from model_store.files import Stamp, folders, require_folder
from model_store.manifest import NAME_PATTERN, Manifest
from model_store.removal import remove_model, remove_version

if TYPE_CHECKING:
    from networks.weights import AnyWeights

DEMO_STORE = Path(__file__).parent / "demo"
"""Comes with the package, and is only ever read."""


class Store:
    """
    Models in a folder.

    Args:
        root: The folder; it need not exist before the first `publish`.
    """

    is_local = True
    """Whether it answers at once; a remote one may take a minute."""
    watch_period_s = 10.0
    """How often to look whether what was loaded is still there; a look is one `stat` a model."""

    def __init__(self, root: Path):
        self.root = root

    @classmethod
    def at(cls, root: Path) -> Self:
        """
        Open a store whose folder is there.

        Raises:
            StoreMissing: If it is not.
        """
        require_folder(root)
        return cls(root)

    def folder(self, name: str, version: int) -> Path:
        """Where a version's files are, or would be."""
        return self.root / name / str(version)

    def models(self) -> list[str]:
        """
        Names of the models that have at least one version, sorted.

        A folder that cannot be listed is among them; `versions` says why.

        Raises:
            StoreMissing: If the store's folder does not exist, or cannot be listed.
        """
        return [*self.contents()]

    def contents(self) -> dict[str, list[int]]:
        """Every model with its versions, oldest first; none of one that cannot be listed."""
        require_folder(self.root)
        try:
            names = [name for name in folders(self.root) if re.fullmatch(NAME_PATTERN, name)]
        except OSError as exc:
            why = refusal(exc, "read it")
            raise StoreMissing(f"the store {self.root} cannot be listed: {why}") from exc
        found = ((name, self._versions_if_listed(name)) for name in sorted(names))
        return {name: versions or [] for name, versions in found if versions != []}

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
            why = refusal(exc, "read it")
            raise StoreError(f"model {name!r}: its folder cannot be listed: {why}") from exc
        if not versions:
            known = ", ".join(self.models()) or "none"
            raise ModelNotFound(f"model {name!r} is not in the store; it holds: {known}")
        return versions

    def manifest(self, name: str, version: int | None = None) -> Manifest:
        """
        Read the manifest of a version, the newest by default, and nothing of its weights.

        Raises:
            ModelNotFound: No such model or version.
            ManifestInvalid: The manifest is missing, malformed or no regular file.
        """
        folder, where = self._find(name, version)
        with version_files.unless_removed(folder, where):
            return version_files.read_manifest(folder, where)

    def file_bytes(self, name: str, version: int) -> int:
        """
        Size of a version's weights' file, which is not read.

        Raises:
            ModelNotFound: The version has been removed.
            WeightsInvalid: It is missing, no regular file, or a Git LFS pointer.
        """
        folder, where = self._place(name, version)
        with version_files.unless_removed(folder, where):
            return version_files.open_weights(folder, where).size

    def load(self, name: str, version: int | None = None) -> Checkpoint:
        """
        Load a version, the newest by default, with every check.

        Raises:
            ModelNotFound: No such model or version.
            ManifestInvalid: It is missing, malformed, no regular file, or not of these tensors.
            ChecksumMismatch: The weights, or the tokenizer, are not the manifest's.
            WeightsInvalid: Tensors missing, misshapen, of another dtype, or not finite.
            WeightsInvalid, TokenizerUnfit: A file is missing, or no regular one.
            FileChanged: The file is written to meanwhile.
        """
        from model_store.loading import load_weights

        folder, where = self._find(name, version)
        manifest, file, tokenizer = version_files.read_version(folder, where)
        weights, largest = load_weights(file, manifest, where)
        stamp, version = file.stamp, int(folder.name)
        return Checkpoint(name, version, manifest, weights, largest, stamp, tokenizer)

    def stamp(self, name: str, version: int) -> Stamp:
        """
        Tell, without reading it, which file a version's weights are in now.

        Raises:
            WeightsInvalid: It is missing, no regular file, or a Git LFS pointer.
        """
        return version_files.open_weights(*self._place(name, version)).stamp

    def check(self, name: str, version: int, manifest: Manifest) -> None:
        """
        Read a version's weights' file and hold it against a manifest's hash.

        Raises:
            ChecksumMismatch: It is another one.
            WeightsInvalid, FileChanged: As `load`.
        """
        folder, where = self._place(name, version)
        version_files.check_hash(version_files.open_weights(folder, where), manifest, where)

    def publish(self, name: str, weights: "AnyWeights", **manifest_fields: object) -> Checkpoint:
        """
        Add the next version of a model, all or nothing, unless the newest is the same already.

        The same has the same weights and manifest, but for its `seconds`, and is undamaged.

        Args:
            name: Letters, digits, `.`, `_` and `-`, at most 64.
            weights: Finite float32 tensors.
            manifest_fields: Those that do not follow from the weights: `origin`, `uint8`, ...
                And `tokenizer`, the path of the `tokenizer.json` of a network for text.

        Raises:
            ManifestInvalid: A name or field that a manifest cannot hold; a baseline that is not in
                this store, an FFF, or takes or gives another number of numbers.
            WeightsInvalid: Tensors that loading would refuse.
            TokenizerUnfit: It is none, it does not fit the network, or cannot be read here.
            StoreNotWritable: If the disk or its permissions refuse.
        """
        from model_store.publishing import draft_of, publish, read_new_tokenizer

        if not re.fullmatch(NAME_PATTERN, name):
            raise ManifestInvalid(f"model name must match {NAME_PATTERN}, got {name!r}")
        tokenizer = read_new_tokenizer(manifest_fields.pop("tokenizer", None))
        draft = draft_of(weights, manifest_fields, tokenizer)
        check_baseline(name, draft, self.manifest)
        return publish(self.root / name, weights, draft, lambda: self._versions(name), tokenizer)

    def removable(self, name: str, version: int | None = None) -> list[int]:
        """
        Tell what `remove` would remove; of a model that cannot be listed it does not know.

        Raises:
            ModelNotFound: No such model or version.
        """
        if version is not None:
            self._find(name, version)
            return [version]
        try:
            return self.versions(name)
        except ModelNotFound:
            raise
        except StoreError:
            return []

    def remove(self, name: str, version: int | None = None) -> list[int]:
        """
        Remove a version, or a model with all of its versions; returns those that were there.

        A reader sees it whole or not at all. Numbers of the newest versions are given again.

        Raises:
            ModelNotFound: No such model or version.
            StoreNotWritable: If the disk or its permissions refuse.
        """
        removed = self.removable(name, version)
        if version is None:
            remove_model(self.root / name)
        else:
            remove_version(self.folder(name, version))
        return removed

    def _find(self, name: str, version: int | None) -> tuple[Path, str]:
        """Find a version's folder, and its name in messages."""
        versions = self.versions(name)
        number = versions[-1] if version is None else version
        if number not in versions:
            raise ModelNotFound(f"model {name!r} has versions {versions}, not {number}")
        return self._place(name, number)

    def _place(self, name: str, version: int) -> tuple[Path, str]:
        return self.folder(name, version), f"model {name!r} version {version}"

    def _versions_if_listed(self, name: str) -> list[int] | None:
        try:
            return self._versions(name)
        except OSError:  # loading it says more
            return None

    def _versions(self, name: str) -> list[int]:
        return version_files.numbers_in(self.root / name)
