"""The baseline that a manifest names: a model of the store that predicts the same, but no FFF."""

from collections.abc import Callable

from model_store.errors import ManifestInvalid, ModelNotFound
from model_store.manifest import Manifest


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
        ManifestInvalid: It is not in the store, an FFF, the model itself, or takes or predicts
            something else.
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
    if baseline.layers:
        raise ManifestInvalid(f"{must}; {manifest.baseline!r} has layers that route")
    if difference := incomparable(manifest, baseline):
        raise ManifestInvalid(
            f"{must} that takes and predicts the same; {manifest.baseline!r} {difference}"
        )


def incomparable(manifest: Manifest, baseline: Manifest) -> str:
    """
    Say why the answers of a model and its baseline cannot be compared.

    Both must have the same widths and the same task, and their outputs the same names and units,
    where both name them; embeddings and logits of tokens are not compared. What targets were scaled
    by may differ, and so may tolerances: those of the model count.

    Returns:
        What the baseline does otherwise, to follow its name; empty where they can be compared.
    """
    if _widths(baseline) != _widths(manifest):
        return f"is {_widths(baseline)}, not {_widths(manifest)}"
    for one in (manifest, baseline):
        if one.main_output != "logits":  # agreement is of classes or of values
            return f"cannot be compared: {one.main_output} are neither classes nor values"
    if baseline.task != manifest.task:
        return f"predicts {baseline.predicts}, not {manifest.predicts}"
    named = zip(baseline.output_names, manifest.output_names, strict=False)  # one may have no names
    for number, (name, wanted) in enumerate(named):
        if name != wanted:
            return f"has {name!r} as output {number}, not {wanted!r}"
    return ""


def _widths(manifest: Manifest) -> str:
    return f"{manifest.input_width} -> {manifest.output_width}"
