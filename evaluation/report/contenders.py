"""
What a checkpoint is among others: its family, its recipe, its shape, its seed.

The one place that reads names of recipes and families: a new one is told here. Which fields of a
recipe count is told in `evaluation.report.recipes`.

Covered:      every kind of manifest, by the fields it has; checkpoints that were not trained here.
Not covered:  weights and figures (`evaluation.report.quality`).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from evaluation.report.recipes import treatment
from evaluation.report.rivals import Rival
from fff.raster import RasterWeights
from model_store.manifest import Manifest, MultilayerManifest, RasterManifest, TrainingOrigin
from model_store.store import Checkpoint

FFF, DENSE, FIXED_TREE, IMPORTED = "fff", "dense", "fixed_tree", "fff-imported"
FOURIER, SIREN = "fourier", "siren"  # networks of several layers, told from their manifests
PUBLISHED_RECIPES = {  # recipe: the family that its FFFs are shown as
    "fff-paper": "fff-paper",
    "paper-mnist": "fff-paper",  # its name until 0.2
    "efff-paper": "efff-paper",
    "efff-master": "efff-master",
}
FFF_FAMILIES = (FFF, *dict.fromkeys(PUBLISHED_RECIPES.values()), IMPORTED)
"""Trees whose routing was trained. A fixed tree is none: it is there to be compared with."""

Shape = dict[str, int]
SHAPE_FIELDS = (
    "depth",
    "leaf_width",
    "master_width",
    "hidden_width",
    "rank",
    "experts",
    "expert_width",
    "top_k",
)
_LABELS: dict[str, Callable[[Shape], str]] = {  # kind of manifest: its shape in short
    "fff": lambda s: (
        f"ℓ{s['leaf_width']} d{s['depth']}"
        + (f" m{s['master_width']}" if s["master_width"] else "")
    ),
    "dense": lambda s: f"w{s['hidden_width']}",
    "low_rank": lambda s: f"w{s['hidden_width']} r{s['rank']}",
    "mixture": lambda s: f"e{s['experts']}×{s['expert_width']} k{s['top_k']}",
}


@dataclass(frozen=True, slots=True)
class Contender:
    """
    What a checkpoint says it is.

    Attributes:
        family: One curve of the report: `fff`, `fff-paper`, `dense`, `low_rank`, `mixture`,
            `fixed_tree`, ...
        recipe: Name of the recipe; without one the model's own name.
        shape: Widths, depth and the like, as the manifest has them.
        label: The shape in short, such as `ℓ8 d4 m8`.
        group: The same for checkpoints that differ in nothing but their seed: recipe (as far as it
            counts for them), data and shape.
        traits: What of its recipe and activation counts, by name.
        seed: Of its training; None where it was not trained here.
    """

    family: str
    recipe: str
    shape: Shape
    label: str
    group: str
    seed: int | None
    traits: dict[str, object] = field(default_factory=dict)


def contender_of(checkpoint: Checkpoint) -> Contender:
    """Read a checkpoint's manifest."""
    manifest = checkpoint.manifest
    shape = {
        name: value for name in SHAPE_FIELDS if (value := getattr(manifest, name, None)) is not None
    }
    origin = manifest.origin if isinstance(manifest.origin, TrainingOrigin) else None
    recipe = origin.recipe if origin else {}
    family = _family(manifest, shape, recipe, origin is not None)
    label = _label(manifest, shape)
    like: dict[str, object] = {
        "family": family,
        "shape": shape or label,  # there are shapes that no column has
        "activation": getattr(manifest, "activation", None),
    }
    if origin is None:
        like["model"] = checkpoint.name
        traits: dict[str, object] = {}
    else:
        is_tree = manifest.kind == "fff" and shape["depth"] > 0
        traits = {**treatment(recipe, is_tree, is_tree and family != FIXED_TREE)}
        like["recipe"] = traits
        like["data"] = [origin.data_sha256, origin.test_sha256]
    return Contender(
        family=family,
        recipe=str(recipe.get("name", checkpoint.name)),
        shape=shape,
        label=label,
        group=json.dumps(like, sort_keys=True),
        seed=origin.seed if origin else None,
        traits=traits | {"activation": like["activation"]},
    )


def rival_contender(name: str, rival: Rival | RasterWeights, made_with: str) -> Contender:
    """A rival that is no model of the store, by the library that computes it."""
    label = rival.label if isinstance(rival, Rival) else "×".join(map(str, rival.shape))
    return Contender(name, made_with, {}, label, name, None)


def told_apart(contenders: Sequence[Contender]) -> list[str]:
    """
    Labels, each with what tells it from others of its family, recipe and shape.

    An activation is named as it is, another field with its name.
    """
    alike: dict[tuple[str, str, str], list[Contender]] = {}
    for each in contenders:
        alike.setdefault((each.family, each.recipe, each.label), []).append(each)
    labels = []
    for each in contenders:
        others = alike[each.family, each.recipe, each.label]
        differing = [
            trait
            for trait, value in each.traits.items()
            if any(other.traits.get(trait) != value for other in others)
        ]
        words = [
            str(each.traits[trait])
            if trait == "activation"
            else f"{trait.replace('_', ' ')} {_in_short(each.traits[trait])}"
            for trait in sorted(differing)
        ]
        labels.append(", ".join([each.label, *words]) if words else each.label)
    return labels


def _in_short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _family(manifest: Manifest, shape: Shape, recipe: Mapping[str, object], trained: bool) -> str:
    """
    Tell a curve from a kind, a shape and a recipe.

    The kind decides what is no tree: a dense twin has the recipe of its FFF. A tree of one leaf
    routes nothing and is a dense network: as an FFF it would win where dense wins.
    """
    if isinstance(manifest, MultilayerManifest):
        if manifest.fourier_features:
            return FOURIER
        return SIREN if manifest.activation == "sine" else manifest.kind
    if manifest.kind != "fff":
        return manifest.kind
    if shape["depth"] == 0:
        return DENSE
    if not trained:
        return IMPORTED
    if recipe.get("family") == FIXED_TREE:
        return FIXED_TREE
    return PUBLISHED_RECIPES.get(str(recipe.get("name")), FFF)


def _label(manifest: Manifest, shape: Shape) -> str:
    match manifest:
        case MultilayerManifest(hidden_widths=widths, fourier_features=features):
            return f"w{'×'.join(map(str, widths))}" + (f" f{features}" if features else "")
        case RasterManifest():
            return "×".join(map(str, manifest.shape))
    return _LABELS.get(manifest.kind, _any_label)(shape)


def _any_label(shape: Shape) -> str:
    return " ".join(f"{name} {value}" for name, value in shape.items())
