"""`fff-serve train` of a vision transformer: labelled images, a network with FFFs, its rivals."""

from pathlib import Path
from typing import TYPE_CHECKING

from service.cli.progress import steps
from service.cli.samples_training import train_on_samples
from service.cli.trained_models import baseline_names

if TYPE_CHECKING:
    from evaluation.dataset import Dataset
    from evaluation.image_folder import ImageForm
    from training.vision.recipe import VisionRecipe


def train_on_images(
    recipe: "VisionRecipe",
    name: str,
    data: Path | None,
    form: "ImageForm",
    store: str | None,
    seed: int,
    seeds: int,
    baseline: list[str] | None,
    as_json: bool,
) -> None:
    """Train, publish and print; arguments are those of `train`."""
    from evaluation.datasets import load
    from training.vision.models import train_vision
    from training.vision.rivals import RIVALS, check_rivals

    baselines = baseline_names(baseline, recipe.family, RIVALS)
    check_rivals(baselines)  # a mistake need not wait for the data

    def load_parts() -> "tuple[Dataset, Dataset]":
        with steps(f"reading {data}") as reading:
            return load(recipe.data, data, form, reading)

    train_on_samples(
        name,
        store,
        seed,
        seeds,
        baselines,
        as_json,
        load_parts,
        lambda train, test, opened, model, number, progress: train_vision(
            recipe, train, test, opened, model, number, progress, baselines
        ),
    )
