"""A small store of networks that predict values, and one of them whose classes have names."""

from collections.abc import Iterable
from pathlib import Path

from model_store.store import Store
from tests.fff.networks import dense, tree
from tests.service import toys

UNITS = {"elevation": "m", "slope": None}
TOLERANCE = 0.5
NAMES = ["cat", "dog", "eel"]


def targets(names: Iterable[str], **more: object) -> list[dict[str, object]]:
    """One of each name, of unit scale."""
    common = {"mean": 0.0, "deviation": 1.0, "tolerance": TOLERANCE} | more
    return [{"name": name, "unit": UNITS.get(name)} | common for name in names]


def make_store(root: Path) -> Store:
    """
    A regression with two targets, `terrain`, and its twin; a classifier with names, `pets`.

    The tolerance is such that the two agree on some rows and not on others.
    """
    store = Store(root)
    values = {"origin": toys.ORIGIN, "targets": targets(UNITS)}
    store.publish("terrain-dense", dense(toys.WIDTH, 8, 2), **values)
    store.publish("terrain", tree(toys.WIDTH, 2, 3, 2), baseline="terrain-dense", **values)
    store.publish("pets", tree(toys.WIDTH, 2, 3, 3), origin=toys.ORIGIN, classes=NAMES)
    return store
