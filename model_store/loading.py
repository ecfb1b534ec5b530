"""
A version's weights, checked: hash, tensors, shapes, and finite numbers.

Covered:      weights in a file, given a manifest that was already parsed.
Not covered:  finding the version (`store`), the file's format (`weights_file`).
"""

from torch import Tensor

from fff.weights import ShapeError
from model_store.description import describe, weights_from
from model_store.errors import ManifestInvalid, WeightsInvalid
from model_store.files import StoredFile, UnfitFile
from model_store.manifest import FFFManifest, Manifest, NetworkManifest
from model_store.version_files import check_hash
from model_store.weights_file import UnfitTensor, check_tensors, read_tensors
from networks.block import BlockError
from networks.weights import AnyWeights, NetworkWeights


def load_weights(
    file: StoredFile, manifest: Manifest, where: str
) -> tuple[AnyWeights, dict[str, float]]:
    """
    Read a version's tensors, with every check against its manifest.

    Args:
        file: The safetensors file.
        manifest: As published; its fields are compared with the tensors.
        where: The version's name in messages.

    Returns:
        A tree whose tensors are read where they are needed, or another network in memory of its
        own; and the largest absolute value of each tensor.

    Raises:
        ChecksumMismatch: The file's SHA-256 is not the manifest's.
        ManifestInvalid: The manifest disagrees with the tensors.
        WeightsInvalid: Tensors missing, misshapen, of another dtype, or not finite.
        FileChanged: The file is written to meanwhile.
    """
    try:
        check_hash(file, manifest, where)
        tensors: dict[str, Tensor] = read_tensors(file)
        if not isinstance(manifest, FFFManifest):
            tensors = {name: tensor.to("cpu") for name, tensor in tensors.items()}
        unknown = tensors.keys() - weights_from(manifest, tensors).tensors().keys()
        if unknown:
            names = ", ".join(sorted(unknown))
            raise WeightsInvalid(f"{where}: tensors {names} have no place in it")
        largest = check_tensors(tensors)
        weights = weights_from(manifest, tensors)
    except (UnfitFile, UnfitTensor, ShapeError) as exc:
        raise WeightsInvalid(f"{where}: {exc}") from exc
    except BlockError as exc:
        raise ManifestInvalid(f"{where}: {exc}") from exc
    _check_manifest(manifest, weights, where)
    return weights, largest


def _check_manifest(manifest: Manifest, weights: AnyWeights, where: str) -> None:
    for field, value in describe(weights).items():
        recorded = getattr(manifest, field)
        if field != "blocks" and recorded != value:  # of the blocks the weights were made
            raise ManifestInvalid(
                f"{where}: the manifest says {field} {recorded}, tensors have {value}"
            )
    if isinstance(manifest, NetworkManifest) and isinstance(weights, NetworkWeights):
        check_output(manifest, weights, where)
        _check_reference(manifest, where)


def check_output(manifest: NetworkManifest, weights: NetworkWeights, where: str) -> None:
    """
    Hold what a manifest says of a network's output against the output's shape.

    Raises:
        ManifestInvalid: Naming both.
    """
    shape = weights.output_shape
    if (manifest.output == "token_logits") != (len(shape) == 2):
        raise ManifestInvalid(
            f"{where}: output must be token_logits if the network ends in tokens, and only then; "
            f"got {manifest.output} and shape {list(shape)}"
        )


def _check_reference(manifest: NetworkManifest, where: str) -> None:
    counts, layers = manifest.reference_leaf_rows, [layer.leaves for layer in manifest.layers]
    if counts is not None and [len(layer) for layer in counts] != layers:
        raise ManifestInvalid(
            f"{where}: reference_leaf_rows must hold layers of {layers} counts, got layers of "
            f"{[len(layer) for layer in counts]}"
        )
