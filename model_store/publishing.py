"""
Adding a version to a model's folder, all or nothing.

All files are written and flushed in a hidden folder that is then renamed: a crash midway leaves
nothing that a listing or a load would see.
"""

import secrets
import shutil
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

from model_store.checkpoint import Checkpoint
from model_store.description import describe
from model_store.errors import (
    ManifestInvalid,
    StoreError,
    StoreNotWritable,
    TokenizerUnfit,
    WeightsInvalid,
    refusal,
)
from model_store.files import UnfitFile, read_small
from model_store.loading import check_output
from model_store.manifest import Manifest, NetworkManifest, TrainingOrigin, new_manifest
from model_store.version_files import (
    MANIFEST_FILE,
    MOST_MANIFEST_BYTES,
    MOST_TOKENIZER_BYTES,
    TOKENIZER_FILE,
    WEIGHTS_FILE,
    check_hash,
    flush,
    open_weights,
    read_manifest,
    read_tokenizer,
)
from model_store.weights_file import UnfitTensor, check_tensors, write_tensors
from networks.text import Tokenizer, TokenizerInvalid
from networks.weights import AnyWeights, NetworkWeights

_NO_HASH = "0" * 64  # the weights are not written yet


def read_new_tokenizer(path: object) -> bytes | None:
    """
    Read a tokenizer that is to be published, from its path; None where there is none.

    Raises:
        TokenizerUnfit: It is missing, too large, or no regular file.
    """
    if path is None:
        return None
    if not isinstance(path, Path):
        raise TokenizerUnfit(f"tokenizer must be the Path of a tokenizer.json, got {path!r:.80}")
    try:
        return read_small(path, MOST_TOKENIZER_BYTES)
    except UnfitFile as exc:
        raise TokenizerUnfit(f"{path}: {exc}") from exc


def draft_of(
    weights: AnyWeights, fields: Mapping[str, object], tokenizer: bytes | None = None
) -> Manifest:
    """
    Make the manifest of weights that are to be published, all of it but their hash.

    Args:
        weights: Their shapes and activation become fields.
        fields: Those that do not follow from the weights: `origin`, `uint8`, `baseline`, ...
        tokenizer: Of a network for text, the bytes of its file.

    Raises:
        ManifestInvalid: Naming every field that is wrong, or that the weights do not fit; or it
            would be too large to be read.
        TokenizerUnfit: The tokenizer is none, does not fit the network, or cannot be read here.
    """
    described = describe(weights) | {"sha256": _NO_HASH, **fields}
    if tokenizer is not None:
        described["tokenizer_sha256"] = sha256(tokenizer).hexdigest()
    draft = new_manifest(described)
    if tokenizer is not None:
        try:
            Tokenizer(tokenizer, draft.vocabulary)
        except TokenizerInvalid as exc:
            raise TokenizerUnfit(f"a new version: {exc}") from exc
    if isinstance(draft, NetworkManifest) and isinstance(weights, NetworkWeights):
        check_output(draft, weights, "a new manifest")
    if len(_text(draft)) > MOST_MANIFEST_BYTES:
        raise ManifestInvalid(f"a manifest may hold {MOST_MANIFEST_BYTES:,} bytes")
    return draft


def publish(
    model: Path,
    weights: AnyWeights,
    draft: Manifest,
    versions: Callable[[], list[int]],
    tokenizer: bytes | None = None,
) -> Checkpoint:
    """
    Add the next version to a model's folder, unless the newest is the same and undamaged.

    An older version that is the same does not count: what is published last is to be the newest,
    which is served by default.

    Args:
        model: The folder, made where it is not there.
        weights: To be checked.
        draft: Their manifest without their hash.
        versions: Lists those that are there.
        tokenizer: The bytes of its file, where the draft has its hash.

    Raises:
        WeightsInvalid: Tensors that loading would refuse.
        StoreNotWritable: If the disk or its permissions refuse.
    """
    try:
        largest = check_tensors(weights.tensors())
        manifest, version, is_new = _write(model, weights, draft, versions, tokenizer)
    except UnfitTensor as exc:
        raise WeightsInvalid(f"model {model.name!r}: {exc}") from exc
    except OSError as exc:
        where = model if model.is_dir() else model.parent
        why = refusal(exc, f"write to {where}")
        raise StoreNotWritable(f"the store {model.parent} cannot be written: {why}") from exc
    return Checkpoint(
        model.name, version, manifest, weights, largest, is_new=is_new, tokenizer=tokenizer
    )


def _write(
    model: Path,
    weights: AnyWeights,
    draft: Manifest,
    versions: Callable[[], list[int]],
    tokenizer: bytes | None,
) -> tuple[Manifest, int, bool]:
    model.mkdir(parents=True, exist_ok=True)
    staging = model / f".staging-{secrets.token_hex(8)}"
    staging.mkdir()
    try:
        write_tensors(staging / WEIGHTS_FILE, weights.tensors())
        sha256 = open_weights(staging, f"model {model.name!r}").hash()
        manifest = draft.model_copy(update={"sha256": sha256})
        (staging / MANIFEST_FILE).write_text(_text(manifest), encoding="utf-8")
        # A file of tensors is its owner's alone; a container's user must read it too.
        shutil.copymode(staging / MANIFEST_FILE, staging / WEIGHTS_FILE)
        if tokenizer is not None:
            (staging / TOKENIZER_FILE).write_bytes(tokenizer)
        for path in (*staging.iterdir(), staging):
            flush(path)
        return _add(staging, model, manifest, versions)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _text(manifest: Manifest) -> str:
    return manifest.model_dump_json(indent=2) + "\n"


def _add(
    staging: Path,
    model: Path,
    manifest: Manifest,
    versions: Callable[[], list[int]],
) -> tuple[Manifest, int, bool]:
    taken = 0
    while True:
        newest = max(versions(), default=0)
        if newest and (there := _same(model / str(newest), manifest)):
            return there, newest, False
        version = max(newest, taken) + 1
        try:
            staging.rename(model / str(version))
        except OSError:
            if not (model / str(version)).exists():
                raise
            taken = version  # by another publisher, who was faster
        else:
            flush(model)
            return manifest, version, True


def _same(folder: Path, manifest: Manifest) -> Manifest | None:
    """The manifest of a version, if that is what is to be published, and undamaged."""
    try:
        there = read_manifest(folder, folder.name)
        if _untimed(there) != _untimed(manifest):
            return None
        check_hash(open_weights(folder, folder.name), manifest, folder.name)
        read_tokenizer(folder, manifest, folder.name)
    except (StoreError, OSError):
        return None
    return there


def _untimed(manifest: Manifest) -> Manifest:
    """Without what differs between two trainings of the same checkpoint."""
    if not isinstance(manifest.origin, TrainingOrigin):
        return manifest
    return manifest.model_copy(
        update={"origin": manifest.origin.model_copy(update={"seconds": None})}
    )
