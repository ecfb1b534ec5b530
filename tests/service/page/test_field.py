"""A field is shown as a map, and what is on it is what the service answers."""

import re

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.service.page import fields
from tests.service.page.fields import DEPTH, colours, explained, predicted, rows_of, sampled


@pytest.fixture
def terrain(open_page, field_service) -> Page:
    page: Page = open_page(field_service.url)
    fields.show(page)
    return page


def click_cell(page: Page, cell: int) -> None:
    columns, lines = fields.size(page)
    box = page.locator("#map canvas").bounding_box()
    assert box is not None
    place = (cell % columns + 0.5) / columns, (cell // columns + 0.5) / lines
    page.locator("#map canvas").click(
        position={"x": place[0] * box["width"], "y": place[1] * box["height"]}
    )


def numbers_of(texts: list[str]) -> list[float]:
    found = [re.search(r"[\d.,]+", text) for text in texts]
    signs = [-1 if text.startswith("−") else 1 for text in texts]
    return [
        sign * float(number[0].replace(",", ""))
        for sign, number in zip(signs, found, strict=True)
        if number
    ]


def assert_answered(page: Page, url: str, cell: int) -> None:
    """Values, errors, leaf, margin and path of a cell are those that the service answers."""
    rows = rows_of(page, [cell])
    (row,) = explained(url, rows)
    page.locator("#map-answer .route", has_text=f"Leaf {row['leaf']} of 16").wait_for()
    table = page.locator("#map-answer table.values")
    values = numbers_of(table.locator("td:nth-child(2)").all_inner_texts())
    errors = numbers_of(table.locator("td:nth-child(3)").all_inner_texts()[:2])
    steps = page.locator("#map-answer table.path tbody tr").evaluate_all(
        "rows => rows.map((row) => [...row.cells].slice(0, 2).map((cell) => cell.textContent))"
    )
    (margin,) = re.findall(r"margin ([\d.]*\d)", page.locator("#map-answer .route").inner_text())

    names = ("terrain", "terrain-data", "terrain-mlp")
    want = dict(zip(names, (predicted(url, name, rows)[0] for name in names), strict=True))
    shown = [name.split()[0] for name in table.locator("tbody th").all_inner_texts()]
    assert shown[0] == "terrain"
    assert values == pytest.approx([want[name] for name in shown], rel=1e-3, abs=1e-4)
    rivals = [value for name, value in zip(shown, values, strict=True) if name != "terrain-data"]
    assert errors == pytest.approx([v - want["terrain-data"] for v in rivals], rel=0.02, abs=0.01)
    assert table.locator("td:nth-child(2)").first.inner_text().endswith("m")
    assert float(margin) == pytest.approx(row["margin"], rel=0.01)
    assert steps == [[str(s["node"]), "right" if s["right"] else "left"] for s in row["path"]]


def test_a_click_is_answered_by_every_network(terrain, field_service):
    columns, _ = fields.size(terrain)
    for cell in (12 * columns + 30, 60 * columns + 100):
        click_cell(terrain, cell)

        assert_answered(terrain, field_service.url, cell)


def test_a_point_is_asked_about_by_keyboard(terrain, field_service):
    columns, lines = fields.size(terrain)
    terrain.locator("#map canvas").focus()
    for key in ("ArrowLeft", "ArrowUp", "Shift+ArrowDown", "Enter"):
        terrain.keyboard.press(key)

    cell = (lines // 2 + 9) * columns + columns // 2 - 1
    assert_answered(terrain, field_service.url, cell)
    assert "leaf" in terrain.locator("#map-readout").inner_text()


def test_territories_are_the_leaves_that_the_service_explains(terrain, field_service):
    fields.view(terrain, "leaves")
    terrain.locator("#map-legend", has_text="16 territories").wait_for()
    cells = sampled(terrain, 300)

    leaves = [row["leaf"] for row in explained(field_service.url, rows_of(terrain, cells))]

    assert len(set(leaves)) > 4
    assert fields.groups_alike(colours(terrain, cells), leaves)


def test_the_slider_merges_territories_as_the_first_decisions_do(terrain, field_service):
    fields.view(terrain, "leaves")
    cells = sampled(terrain, 300)
    leaves = [row["leaf"] for row in explained(field_service.url, rows_of(terrain, cells))]
    slider = terrain.get_by_role("slider", name="decisions")

    for depth in range(DEPTH, -1, -1):
        terrain.locator("#map-depth-text", has_text=f"{depth} of {DEPTH}").wait_for()
        prefixes = [leaf >> (DEPTH - depth) for leaf in leaves]
        assert fields.groups_alike(colours(terrain, cells), prefixes)
        slider.press("ArrowLeft")


def test_values_are_coloured_in_their_order_and_the_legend_has_their_unit(terrain, field_service):
    cells = sampled(terrain, 200)
    values = predicted(field_service.url, "terrain", rows_of(terrain, cells))

    lightness = [sum(map(int, colour.split(",")[:2])) for colour in colours(terrain, cells)]

    rising = np.diff(np.array(lightness)[np.argsort(values)])
    assert rising.min() >= -2  # the scale's blue end is rounded
    assert re.fullmatch(
        r"−?[\d.]+\sm\s*−?[\d.]+\sm", terrain.locator("#map-legend").inner_text().strip()
    )


def test_the_divider_shows_a_network_on_either_side(terrain):
    columns, _ = fields.size(terrain)
    cells = [c for c in sampled(terrain, 300) if abs(c % columns - columns / 2) > 8]
    alone = colours(terrain, cells)
    fields.compared(terrain, "terrain-mlp")
    divider = terrain.get_by_role("slider", name="Divider: left terrain, right terrain-mlp")
    both = colours(terrain, cells)
    divider.press("Home")
    rival = colours(terrain, cells)
    box, map_box = divider.bounding_box(), terrain.locator("#map").bounding_box()
    assert box is not None
    assert map_box is not None
    terrain.mouse.move(map_box["x"] + 2, map_box["y"] + 20)
    terrain.mouse.down()
    terrain.mouse.move(map_box["x"] + map_box["width"] + 5, map_box["y"] + 20, steps=4)
    terrain.mouse.up()
    dragged = colours(terrain, cells)

    left = [c % columns < columns / 2 for c in cells]
    assert rival != alone
    assert both == [a if at else b for a, b, at in zip(alone, rival, left, strict=True)]
    assert dragged == alone
    assert divider.get_attribute("aria-valuenow") == "100"


def test_errors_are_differences_to_the_data(terrain, field_service):
    fields.view(terrain, "error")
    fields.computed(terrain, "terrain-data")
    terrain.locator("#map-legend", has_text="error 0").wait_for()
    cells = sampled(terrain, 200)
    rows = rows_of(terrain, cells)
    url = field_service.url
    errors = abs(predicted(url, "terrain", rows) - predicted(url, "terrain-data", rows))

    depth = [-sum(map(int, colour.split(",")[:3])) for colour in colours(terrain, cells)]

    assert np.diff(np.array(depth)[np.argsort(errors)]).min() >= -1
    assert re.search(r"error 0\sm\s*[\d.]+\sm or more", terrain.locator("#map-legend").inner_text())
