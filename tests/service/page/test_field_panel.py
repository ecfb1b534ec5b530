"""The map beside the rest of the page: when it is there, its traffic, its troubles, any screen."""

import re

import httpx
import pytest

from tests.fff.networks import tree
from tests.service import toys
from tests.service.page import fields
from tests.service.page.fields import colours, explained, predicted, rows_of, sampled

KEY = "0123456789abcdef"


def test_a_models_metadata_choose_its_panel(open_page, field_service):
    page = open_page(field_service.url)
    pad = page.locator("#pad")
    assert pad.is_visible()
    assert page.locator("#field").is_hidden()

    fields.show(page)
    assert pad.is_hidden()
    assert page.locator("#to-pad").is_hidden()
    page.get_by_label("Model").select_option("digits")
    pad.wait_for()
    page.get_by_role("button", name="Sample 7").click()
    page.locator(".verdict b").first.wait_for()

    assert page.locator("#field").is_hidden()


def test_without_the_data_there_is_no_error_to_show(open_page, tmp_path):
    store = fields.make_store(tmp_path, data=False)
    with toys.live("--store", str(store.root)) as service:
        page = open_page(service.url)
        fields.show(page)
        columns, lines = fields.size(page)
        page.locator("#map canvas").click()
        page.locator("#map-answer .values").wait_for()

        assert page.locator("#map-views [value=error]").is_disabled()
        assert page.locator("#map-answer thead th").all_inner_texts()[:2] == ["network", "height"]
        assert abs(columns / lines - 100 / 80) < 0.02  # a unit is as long along both axes


def test_the_map_says_what_it_cost(open_page, field_service):
    page = open_page(field_service.url)
    with page.expect_request("**/infer"):
        fields.show(page)

    note = page.locator("#map-note").inner_text()
    columns, lines = fields.size(page)
    rows, rate, most = (
        int(text.replace(",", ""))
        for text in re.findall(r"([\d,]+) (?:rows over|rows/s|a request)", note)
    )
    assert columns * lines < rows < 1.05 * columns * lines  # the coarse cells too
    assert columns * lines <= 40_000
    assert rate > 0
    assert most == 1024  # as the service bounds a request


def test_a_map_is_no_traffic(open_page, field_service):
    """Neither here nor in what the service tells of leaves and drift."""
    leaves = f"{field_service.url}/v1/models/terrain/leaves"
    before = httpx.get(leaves).json()

    fields.show(open_page(field_service.url))

    assert httpx.get(leaves).json() == before


def test_traffic_is_everybodys_rows_on_their_territory(open_page, field_service):
    page = open_page(field_service.url)
    fields.show(page)
    fields.view(page, "traffic")
    page.locator("#map-note", has_text="No traffic yet").wait_for()
    cells = sampled(page, 200)
    untouched = colours(page, cells)
    row = rows_of(page, cells[:1])
    leaf = explained(field_service.url, row)[0]["leaf"]

    predicted(field_service.url, "terrain", row * 40)
    page.locator("#map-note", has_text="41 live rows").wait_for()  # one was explained

    leaves = [found["leaf"] for found in explained(field_service.url, rows_of(page, cells))]
    changed = [a != b for a, b in zip(untouched, colours(page, cells), strict=True)]
    assert len(set(untouched)) == 1
    assert changed == [each == leaf for each in leaves]


def test_what_the_service_refuses_is_told_and_can_be_tried_again(open_page, field_service):
    page = open_page(field_service.url, lost=True)
    page.route(
        "**/infer", lambda route: route.fulfill(status=429, json={"error": "the queue is full"})
    )
    page.get_by_label("Model").select_option("terrain")
    page.locator("#map-error", has_text="the queue is full").wait_for()
    page.locator("#map-note", has_text="stopped after 0 rows").wait_for()

    page.unroute("**/infer")
    page.get_by_role("button", name="Compute again").click()
    fields.computed(page, "terrain")

    assert page.locator("#map-error").is_hidden()


def test_another_version_is_drawn_anew(open_page, tmp_path):
    store = fields.make_store(tmp_path)
    with toys.live("--store", str(store.root), FFF_ADMIN_KEY=KEY) as service:
        page = open_page(service.url)
        fields.show(page)
        store.publish(
            "terrain",
            tree(2, 2, 3, 1),
            origin=toys.ORIGIN,
            inputs=[{"type": "number", **c} for c in (fields.EAST, fields.NORTH)],
            targets=[fields.HEIGHT],
        )
        load = f"{service.url}/v2/repository/models/terrain/load"
        httpx.post(load, headers={"authorization": f"Bearer {KEY}"}).raise_for_status()
        page.locator("#about", has_text="version 2").wait_for()
        fields.computed(page, "terrain")
        fields.view(page, "leaves")

        page.locator("#map-legend", has_text="4 territories").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_a_map_fits_every_screen(open_page, field_service, width, scheme):
    page = open_page(
        field_service.url,
        viewport={"width": width, "height": 844},
        color_scheme=scheme,
        has_touch=width == 390,
    )
    fields.show(page)
    fields.compared(page, "terrain-data")
    page.locator("#map canvas").click(position={"x": 40, "y": 40})
    page.get_by_text("Path", exact=True).click()
    for name in ("leaves", "error", "traffic", "values"):
        fields.view(page, name)
        page.locator(f"#map-views [value={name}]:checked").wait_for(state="attached")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = page.locator("#map canvas").bounding_box()
    assert box is not None
    assert box["width"] > min(width, 1170) * 0.5
    assert box["x"] + box["width"] <= width
