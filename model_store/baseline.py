"""The baseline that a manifest names: a model of the same store and widths, but no FFF."""

from collections.abc import Callable

from model_store.errors import ManifestInvalid, ModelNotFound
from model_store.manifest import FFFManifest, Manifest


def check_baseline(
    name: str,
    manifest: Manifest,
    newest: Callable[[str], Manifest],
) -> None:
    """
    Check the baseline of a model that is to be published.

    Args:
        name: Of the model.
        manifest: Its own.
        newest: Reads the manifest of a model's newest version, or raises `ModelNotFound`.

    Raises:
        ManifestInvalid: It is not in the store, an FFF, the model itself, or takes or gives another
            number of numbers than the model.
    """
    if manifest.baseline is None:
        return
    must = f"model {name!r}: its baseline must be another model of the store, no FFF"
    if manifest.baseline == name:
        raise ManifestInvalid(f"{must}, got its own name")
    try:
        baseline = newest(manifest.baseline)
    except ModelNotFound as exc:
        raise ManifestInvalid(f"{must}; {exc}") from exc
    if isinstance(baseline, FFFManifest):
        raise ManifestInvalid(f"{must}; {manifest.baseline!r} is of kind {baseline.kind}")
    if _widths(baseline) != _widths(manifest):
        raise ManifestInvalid(
            f"{must} of its widths, {_widths(manifest)}; {manifest.baseline!r} is "
            f"{_widths(baseline)}"
        )


def _widths(manifest: Manifest) -> str:
    return f"{manifest.input_width} -> {manifest.output_width}"
