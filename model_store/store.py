"""
The folder of models: `STORE/<model>/<version>/{manifest.json, model.safetensors}`.

Covered:      listing, loading, publishing that is all or nothing.
Not covered:  the checks of what is loaded (`model_store.loading`); deletion. A version, once
              published, is never changed.
"""

import hashlib
import os
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from fff.weights import Weights, weight_bytes
from model_store.errors import (
    ManifestInvalid,
    ModelNotFound,
    StoreMissing,
    StoreNotWritable,
    WeightsInvalid,
)
from model_store.loading import load_weights
from model_store.manifest import (
    NAME_PATTERN,
    DenseManifest,
    FFFManifest,
    new_manifest,
    parse_manifest,
)
from model_store.weights_file import UnfitTensor, check_tensors, write_tensors

DEMO_STORE = Path(__file__).parent / "demo"
MANIFEST_FILE = "manifest.json"
WEIGHTS_FILE = "model.safetensors"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """
    A loaded and checked version of a model.

    Attributes:
        name: The model's name in the store.
        version: The model's version, from 1.
        manifest: As published, with every field checked.
        weights: Mapped from the version's file, so they take memory where they are read, and are
            not to be written to. Those just published are the publisher's own.
    """

    name: str
    version: int
    manifest: FFFManifest | DenseManifest
    weights: Weights

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

    def __init__(self, root: Path):
        self.root = root

    def models(self) -> list[str]:
        """
        Names of the models that have at least one version, sorted.

        Raises:
            StoreMissing: If the store's folder does not exist.
        """
        if not self.root.is_dir():
            raise StoreMissing(f"the store must be a folder of models; {self.root} is none")
        folders = (p.name for p in self.root.iterdir() if p.is_dir())
        return sorted(
            name for name in folders if re.fullmatch(NAME_PATTERN, name) and self._versions(name)
        )

    def versions(self, name: str) -> list[int]:
        """
        Published versions, oldest first.

        Raises:
            ModelNotFound: If the model has no version.
            StoreMissing: If the store's folder does not exist.
        """
        versions = self._versions(name) if re.fullmatch(NAME_PATTERN, name) else []
        if not versions:
            known = ", ".join(self.models()) or "none"
            raise ModelNotFound(f"model {name!r} is not in the store; it holds: {known}")
        return versions

    def load(self, name: str, version: int | None = None) -> Checkpoint:
        """
        Load a version, the newest by default, with every check.

        Raises:
            ModelNotFound: No such model or version.
            ManifestInvalid: The manifest is missing, malformed or disagrees with the tensors.
            ChecksumMismatch: The weights are not the manifest's.
            WeightsInvalid: Tensors missing, misshapen, of another dtype, or not finite.
        """
        versions = self.versions(name)
        number = versions[-1] if version is None else version
        if number not in versions:
            raise ModelNotFound(f"model {name!r} has versions {versions}, not {number}")
        where, folder = f"model {name!r} version {number}", self.root / name / str(number)
        manifest = self._manifest(folder, where)
        weights = load_weights(folder / WEIGHTS_FILE, manifest, where)
        return Checkpoint(name, number, manifest, weights)

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
            check_tensors(weights.tensors())
            manifest, version = self._write(name, weights, manifest_fields)
        except UnfitTensor as exc:
            raise WeightsInvalid(f"model {name!r}: {exc}") from exc
        except OSError as exc:
            raise StoreNotWritable(f"the store {self.root} cannot be written: {exc}") from exc
        return Checkpoint(name, version, manifest, weights)

    def _write(
        self, name: str, weights: Weights, manifest_fields: dict[str, object]
    ) -> tuple[FFFManifest | DenseManifest, int]:
        model = self.root / name
        model.mkdir(parents=True, exist_ok=True)
        staging = model / f".staging-{secrets.token_hex(8)}"
        staging.mkdir()
        try:
            write_tensors(staging / WEIGHTS_FILE, weights.tensors())
            with (staging / WEIGHTS_FILE).open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            manifest = new_manifest(weights, sha256=sha256, **manifest_fields)
            text = manifest.model_dump_json(indent=2) + "\n"
            (staging / MANIFEST_FILE).write_text(text, encoding="utf-8")
            # safetensors keeps its file to its owner; a container's user must read it too.
            shutil.copymode(staging / MANIFEST_FILE, staging / WEIGHTS_FILE)
            for path in (staging / WEIGHTS_FILE, staging / MANIFEST_FILE, staging):
                _flush(path)
            return manifest, self._rename(staging, name)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise

    def _rename(self, staging: Path, name: str) -> int:
        version = max(self._versions(name), default=0) + 1
        while True:
            try:
                staging.rename(self.root / name / str(version))
            except OSError:
                if not (self.root / name / str(version)).exists():
                    raise
                version += 1  # another publisher was faster
            else:
                _flush(self.root / name)
                return version

    def _versions(self, name: str) -> list[int]:
        folder = self.root / name
        if not folder.is_dir():
            return []
        names = (p.name for p in folder.iterdir() if p.is_dir())
        return sorted(int(n) for n in names if re.fullmatch("[1-9][0-9]{0,8}", n))

    def _manifest(self, folder: Path, where: str) -> FFFManifest | DenseManifest:
        try:
            text = (folder / MANIFEST_FILE).read_bytes()
        except FileNotFoundError as exc:
            raise ManifestInvalid(f"{where}: {MANIFEST_FILE} is missing") from exc
        return parse_manifest(text, where)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
