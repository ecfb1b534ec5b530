"""
A store on object storage or a model hub, read only: `<URL>/<model>/<version>/`, as in a folder.

Which models and versions there are, and each manifest, is asked of the server every time. Weights
are copied once into a cache on this machine, hashed on the way, and loaded from there with every
check that a folder's get. Another object in their place, or another manifest, is copied anew.

Covered:      the interface of `Store`; damaged objects and damaged copies.
Not covered:  fsspec and its failures (`objects`), the cache's files (`cache`).
"""

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import BinaryIO

from model_store.errors import (
    ChecksumMismatch,
    FileChanged,
    ManifestInvalid,
    ModelNotFound,
    StoreMissing,
    TokenizerUnfit,
    WeightsInvalid,
)
from model_store.files import Stamp
from model_store.manifest import NAME_PATTERN, Manifest, parse_manifest
from model_store.read_only import ReadOnlyStore
from model_store.remote.cache import Original, VersionCache, cache_folder
from model_store.remote.objects import Objects, RemoteObject
from model_store.remote.url import StoreUrl
from model_store.store import Checkpoint
from model_store.version_files import (
    MANIFEST_FILE,
    MOST_MANIFEST_BYTES,
    MOST_TOKENIZER_BYTES,
    TOKENIZER_FILE,
    WEIGHTS_FILE,
    checked_tokenizer,
    open_weights,
    require_hash,
)

log = logging.getLogger(__name__)

_LISTED_AT_ONCE = 8
"""Folders, so that many models take few times the server's answer."""


class RemoteStore(ReadOnlyStore):
    """
    Models below a URL.

    Args:
        url: Of scheme `s3` or `hf`.

    Attributes:
        root: The cache's folder, which is a store of what has been copied.

    Raises:
        ModuleNotFoundError: A package that the scheme needs is not installed.
        CacheUnusable: There is no place for a cache.

    Every method also raises `StoreUnreachable` where the server does not answer or refuses.
    """

    is_local = False
    watch_period_s = 60.0  # a look is a request, which a hub counts and object storage bills

    def __init__(self, url: StoreUrl):
        super().__init__(cache_folder(str(url)))
        self._url = url
        self._objects = Objects(url)
        self._cache = VersionCache(self.root)

    @property
    def where(self) -> str:
        return str(self._url)

    def models(self) -> list[str]:
        """
        Names of the models that have at least one version, sorted.

        Raises:
            StoreMissing: There is nothing at the URL.
        """
        return [name for name, versions in self.contents().items() if versions]

    def contents(self) -> dict[str, list[int]]:
        """Every model with its versions, oldest first; raises as `models`."""
        try:
            folders = self._objects.folders()
        except FileNotFoundError:
            raise StoreMissing(f"the store {self.where} is not there, or cannot be seen") from None
        names = sorted(name for name in folders if re.fullmatch(NAME_PATTERN, name))
        with ThreadPoolExecutor(_LISTED_AT_ONCE, "list-remote") as pool:
            listed = dict(zip(names, pool.map(self._versions, names), strict=True))
        return {name: versions for name, versions in listed.items() if versions}

    def manifest(self, name: str, version: int | None = None) -> Manifest:
        """
        Read the manifest of a version, the newest by default, and nothing of its weights.

        Raises:
            ModelNotFound: No such model or version.
            ManifestInvalid: The manifest is missing or malformed.
        """
        number = self.versions(name)[-1] if version is None else version
        return parse_manifest(self._manifest_bytes(name, number), self._where(name, number))

    def file_bytes(self, name: str, version: int) -> int:
        """Size of a version's weights, which are not read; raises as `stamp`."""
        return self._weights(name, version).size

    def stamp(self, name: str, version: int) -> Stamp:
        """
        Tell, without reading it, which object a version's weights are in now.

        Raises:
            WeightsInvalid: It is missing.
        """
        return self._weights(name, version).stamp

    def check(self, name: str, version: int, manifest: Manifest) -> None:
        """
        Read a version's weights and hold them against a manifest's hash.

        Raises:
            ChecksumMismatch: They are others.
            WeightsInvalid: They are missing.
        """
        digest = sha256()
        for block in self._weights(name, version).blocks():
            digest.update(block)
        self._require_hash(digest.hexdigest(), manifest, name, version)

    def load(self, name: str, version: int | None = None) -> Checkpoint:
        """
        Load a version, the newest by default, with every check.

        Raises:
            ModelNotFound: No such model or version.
            ManifestInvalid: The manifest is missing, malformed or disagrees with the tensors.
            ChecksumMismatch: The weights are not the manifest's.
            WeightsInvalid: Tensors missing, misshapen, of another dtype, or not finite.
            TokenizerUnfit: The tokenizer is missing, or too large.
            CacheUnusable: The cache has no room for a copy, or cannot be written.
        """
        number = self.versions(name)[-1] if version is None else version
        content = self._manifest_bytes(name, number)
        manifest = parse_manifest(content, self._where(name, number))
        found = self._weights(name, number)
        original = Original(name, number, content, found.identity, found.size)
        try:
            return self._loaded(original, manifest, found)
        except (ChecksumMismatch, FileChanged) as exc:
            if not self._cache.holds(original):
                raise  # the object is damaged, and no copy of it has been kept
            log.warning("%s; this is the cached copy, which is fetched again", exc)
            with self._cache.locked(name, number):
                self._cache.drop(name, number)
        return self._loaded(original, manifest, found)

    def _loaded(self, original: Original, manifest: Manifest, found: RemoteObject) -> Checkpoint:
        from model_store.loading import load_weights  # PyTorch, which listing does not need

        name, version = original.name, original.version
        where = self._where(name, version)
        with self._cache.locked(name, version):
            if not self._cache.holds(original):
                self._fetch(original, manifest, found)
            file = open_weights(self._cache.folder(name, version), where)
        weights, largest = load_weights(file, manifest, where)
        tokenizer = self._tokenizer(name, version, manifest)
        return Checkpoint(name, version, manifest, weights, largest, found.stamp, tokenizer)

    def _fetch(self, original: Original, manifest: Manifest, found: RemoteObject) -> None:
        name, version = original.name, original.version
        what = self._where(name, version)
        log.info("fetching %s, %s bytes, from %s", what, f"{original.size:,}", self.where)

        def write(file: BinaryIO) -> None:
            digest = sha256()
            for block in found.blocks():
                digest.update(block)
                file.write(block)
            self._require_hash(digest.hexdigest(), manifest, name, version)

        self._cache.put(original, write)
        self._cache.keep_only(name, self._versions(name) or [version])

    def _versions(self, name: str) -> list[int]:
        try:
            folders = self._objects.folders(name)
        except FileNotFoundError:
            return []
        return sorted(int(n) for n in folders if re.fullmatch("[1-9][0-9]{0,8}", n))

    def _manifest_bytes(self, name: str, version: int) -> bytes:
        where = self._where(name, version)
        try:
            found = self._objects.open(name, str(version), MANIFEST_FILE)
        except FileNotFoundError:
            versions = self.versions(name)
            if version not in versions:
                raise ModelNotFound(
                    f"model {name!r} has versions {versions}, not {version}"
                ) from None
            raise ManifestInvalid(f"{where}: {MANIFEST_FILE} is missing") from None
        if found.size > MOST_MANIFEST_BYTES:
            raise ManifestInvalid(
                f"{where}: {MANIFEST_FILE} may hold {MOST_MANIFEST_BYTES:,} bytes, "
                f"it holds {found.size:,}"
            )
        return b"".join(found.blocks())

    def _tokenizer(self, name: str, version: int, manifest: Manifest) -> bytes | None:
        if manifest.tokenizer_hash is None:
            return None
        where = self._where(name, version)
        try:
            found = self._objects.open(name, str(version), TOKENIZER_FILE)
        except FileNotFoundError:
            raise TokenizerUnfit(f"{where}: {TOKENIZER_FILE} is missing") from None
        if found.size > MOST_TOKENIZER_BYTES:
            raise TokenizerUnfit(f"{where}: {TOKENIZER_FILE} holds {found.size:,} bytes")
        return checked_tokenizer(b"".join(found.blocks()), manifest, where)

    def _weights(self, name: str, version: int) -> RemoteObject:
        try:
            return self._objects.open(name, str(version), WEIGHTS_FILE)
        except FileNotFoundError:
            raise WeightsInvalid(
                f"{self._where(name, version)}: {WEIGHTS_FILE} is missing"
            ) from None

    def _require_hash(self, found: str, manifest: Manifest, name: str, version: int) -> None:
        holder = f"the object {name}/{version}/{WEIGHTS_FILE}"
        require_hash(found, manifest, self._where(name, version), holder)

    def _where(self, name: str, version: int) -> str:
        return self._place(name, version)[1]
