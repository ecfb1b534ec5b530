"""A baseline predicts what its model does, as far as both say what that is."""

from pathlib import Path

import pytest

from model_store.baseline import incomparable
from model_store.errors import ManifestInvalid
from model_store.publishing import draft_of
from model_store.store import Store
from tests.fff.networks import dense, tree

ORIGIN = {"how": "import", "format": "toy", "sha256": "0" * 64}


def targets(*names: str, **more: object) -> dict[str, object]:
    common = {"mean": 0.0, "deviation": 1.0, "tolerance": 0.5} | more
    return {"targets": [{"name": name} | common for name in names]}


CLASSES = {"classes": ["cat", "dog"]}
CASES: list[object] = [
    pytest.param({}, {}, "", id="nothing-is-said"),
    pytest.param(CLASSES, CLASSES, "", id="same-classes"),
    pytest.param(CLASSES, {}, "", id="classes-of-one-alone"),
    pytest.param(targets("x", "y"), targets("x", "y"), "", id="same-targets"),
    pytest.param(
        targets("x", "y"), targets("x", "y", mean=3.0, tolerance=9.0), "", id="other-training-data"
    ),
    pytest.param(
        CLASSES, {"classes": ["cat", "eel"]}, "has 'eel' as output 1, not 'dog'", id="other-classes"
    ),
    pytest.param(
        targets("x", "y"), targets("x", "z"), "has 'z' as output 1, not 'y'", id="other-targets"
    ),
    pytest.param(
        targets("x", "y", unit="m"),
        targets("x", "y", unit="km"),
        "has 'x in km' as output 0, not 'x in m'",
        id="other-unit",
    ),
    pytest.param(
        {},
        targets("x", "y", unit="m"),
        r"predicts values \(x in m, y in m\), not classes",
        id="values",
    ),
    pytest.param(
        targets("x", "y"),
        CLASSES,
        r"predicts classes \(cat, dog\), not values \(x, y\)",
        id="classes",
    ),
]


@pytest.mark.parametrize(("own", "others", "difference"), CASES)
def test_a_baseline_that_predicts_something_else_is_refused_with_what_it_is(
    own: dict[str, object], others: dict[str, object], difference: str, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    store.publish("rival", dense(6, 7, 2), origin=ORIGIN, **others)
    fields = {"origin": ORIGIN, "baseline": "rival", **own}

    if not difference:
        assert store.publish("model", tree(6, 2, 3, 2), **fields).version == 1
        return
    with pytest.raises(ManifestInvalid, match=f"'model': its baseline .*'rival' {difference}$"):
        store.publish("model", tree(6, 2, 3, 2), **fields)
    assert store.models() == ["rival"]


@pytest.mark.parametrize(("i", "o"), [(5, 2), (6, 3)])
def test_networks_of_other_widths_cannot_be_compared(i: int, o: int) -> None:
    model, rival = (draft_of(w, {"origin": ORIGIN}) for w in (tree(6, 2, 3, 2), dense(i, 7, o)))

    assert incomparable(model, rival) == f"is {i} -> {o}, not 6 -> 2"


def test_many_names_are_told_shortened() -> None:
    many = draft_of(dense(1, 2, 1000), {"origin": ORIGIN, **targets(*map(str, range(1000)))})

    assert many.predicts == "values (0, 1, 2, 3, 4 and 995 more)"
