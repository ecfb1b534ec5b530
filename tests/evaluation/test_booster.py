"""A booster learns what a network's training gets, categories as such."""

import numpy as np

from evaluation.booster import fit_booster
from evaluation.samples import Samples
from model_store.columns import CategoryColumn, Column, NumberColumn

COLUMNS: tuple[Column, ...] = (
    NumberColumn(name="size"),
    CategoryColumn(name="city", values=["Aix", "Bonn", "Cork"]),
)


def flats(n: int, seed: int) -> Samples:
    """Of each a price that depends on size, and on the city's name alone in no order."""
    rng = np.random.default_rng(seed)
    size, city = rng.uniform(-1, 1, n), rng.integers(3, size=n)
    x = np.concatenate((size[:, None], np.eye(3)[city]), 1).astype(np.float32)
    price = (100 * size + np.array([0, 500, 100])[city])[:, None].astype(np.float32)
    return Samples(x, price, "flats", COLUMNS)


def test_values_are_learnt_from_columns_not_from_a_networks_inputs() -> None:
    booster, test = fit_booster(flats(800, 0), 0.1, 0), flats(300, 1)

    assert booster.rows(test.x).shape == (300, 2)
    assert np.sqrt(((booster.outputs(test.x) - test.y) ** 2).mean()) < 20
    assert booster.bytes > 0


def test_a_class_that_no_row_has_is_never_likely() -> None:
    values = flats(600, 0)
    classes = np.where(values.y[:, 0] > 250, 2, 0)
    data = Samples(values.x, classes, "dear", COLUMNS, classes=("cheap", "none", "dear"))

    likely = fit_booster(data, 0.1, 0).outputs(data.x)

    assert likely.shape == (600, 3)
    assert (likely[:, 1] == 0).all()
    assert (likely.argmax(1) == data.labels).mean() > 0.95
