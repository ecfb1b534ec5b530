"""Training a table's FFF and its rivals, side by side."""

from collections.abc import Sequence

from evaluation.samples import Samples
from fff.weights import Weights
from model_store.store import Checkpoint, Store
from training.models import names_of
from training.side_by_side import Parts, Progress, train_side_by_side
from training.table.fit import fit_table
from training.table.recipe import TableRecipe
from training.table.rivals import rival


def train_table(
    recipe: TableRecipe,
    train: Samples,
    test: Samples,
    store: Store,
    name: str,
    seed: int,
    progress: Progress,
    baselines: Sequence[str] = ("dense",),
) -> list[Checkpoint]:
    """
    Train a recipe's network and its baselines, then publish them: the network itself comes first.

    Args:
        recipe: Of the FFF; of another family, it is trained alone unless baselines are named.
        train: Rows to learn from; a share of them is held out for validation.
        test: Rows for the metrics alone; they choose nothing.
        store: Where all are published.
        name: The FFF's name in the store; a baseline's is `<name>-<baseline>`.
        seed: Of the split and of each network's training.
        progress: Told of epochs.
        baselines: Names of `training.table.rivals.RIVALS`; the first is the FFF's in its manifest.

    Raises:
        RecipeError: If the names are none that a store can hold, or a baseline is unknown; before
            any training.
        DatasetError: If there are too few rows.
        Diverged: If a loss is no longer a number.
    """
    widths = train.x.shape[1], train.output_width
    its = [recipe, *(rival(baseline, recipe, *widths) for baseline in baselines)]
    recipes = dict(zip(names_of(name, baselines), its, strict=True))

    def fit(model: str, its: TableRecipe, parts: Parts) -> tuple[Weights, dict[str, float]]:
        return fit_table(
            parts["train"],
            parts["validation"],
            its,
            lambda done, total: progress(model, done, total),
        )

    return train_side_by_side(recipes, train, test, recipe.validation_share, store, seed, fit)
