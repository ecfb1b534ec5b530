"""The page over a running service: it draws, it follows the load, it survives a restart."""

import re

import pytest

from bench.page.browser import digits_traffic

HEAT_PIXELS = """() => { const c = document.querySelector('#heat canvas'); if (!c) return 0;
  const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
  let n = 0; for (let k = 3; k < d.length; k += 4) n += d[k] > 0; return n / (d.length / 4); }"""
CHARTS = ("request", "compute", "batch", "rate", "drift")


def rate_shown(page) -> float:
    """Rows a second of the FFF."""
    text = page.locator(".tile").filter(has_text="Rows a second").locator("dd.FFF").inner_text()
    return float(text.removeprefix("FFF").replace(",", ""))


def rows_of(text: str) -> int:
    found = re.search(r"([\d,]+) rows?\b", text)
    return int(found[1].replace(",", "")) if found else 0


def wait_for_more_rows(page, than: int) -> int:
    page.wait_for_function(
        "than => Number((document.querySelector('#tree-note').textContent"
        ".match(/([\\d,]+) rows?/) ?? ['', '0'])[1].replaceAll(',', '')) > than",
        arg=than,
    )
    return rows_of(page.locator("#tree-note").inner_text())


def test_every_chart_is_drawn_and_follows_the_load(page, service):
    with digits_traffic(service.url):
        first = wait_for_more_rows(page, 0)
        page.locator("#heat canvas").wait_for()
        drawn = page.evaluate(HEAT_PIXELS)
        page.wait_for_function(f"drawn => ({HEAT_PIXELS})() > drawn", arg=drawn)
        later = wait_for_more_rows(page, first)
        for chart in CHARTS:
            page.locator(f"#{chart} svg").wait_for()

        assert 0 < drawn < 1
        assert later > first
        assert page.locator("#tree .node").count() == 31
        assert rate_shown(page) > 0
        for side in ("FFF", "dense"):
            label = page.locator("#request svg").get_attribute("aria-label")
            assert re.search(rf"{side}: median [\d.]+\s(µs|ms), 99 % up to", label)
            assert page.locator(f"#request rect.{side}").count() > 0
        assert "chance" in page.locator(".tile").filter(has_text="Routing drift").inner_text()


def test_the_tree_and_the_heat_map_are_read_by_keyboard(page, service):
    with digits_traffic(service.url):
        wait_for_more_rows(page, 0)
        page.locator("#heat canvas").wait_for()
        page.locator("#tree .node").first.focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowLeft")
        left = page.locator("#tree-readout").inner_text()
        page.keyboard.press("ArrowUp")
        root = page.locator("#tree-readout").inner_text()
        page.locator("#heat canvas").focus()
        page.keyboard.press("ArrowDown")

        assert re.fullmatch(r"node 1: [\d.]+\s% of rows \(left\)", left)
        assert re.fullmatch(r"root: 100\s% of rows", root)
        assert page.locator("#heat-readout").inner_text().startswith("leaf 1, ")


def test_a_paused_page_asks_for_nothing(open_page, service, browser):
    """Ten seconds of the page's own clock pass in no time."""
    page = open_page(service.url)
    page.clock.install()
    page.get_by_role("button", name="Pause").click()
    page.evaluate("fetch('/healthz').then((r) => r.text())")  # whatever was under way is over
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.clock.run_for(10_000)
    paused = list(asked)
    with page.expect_request("**/metrics"):
        page.get_by_role("button", name="Pause").click()

    assert paused == []


def test_a_service_that_went_away_is_told_and_its_return_noticed(open_page, service):
    page = open_page(service.url, lost=True)
    trouble = page.locator("#trouble")
    assert trouble.is_hidden()

    with service.stopped():
        trouble.wait_for(state="visible")
        told = trouble.inner_text()
    trouble.wait_for(state="hidden")
    page.get_by_role("button", name="Sample 7").click()
    page.locator(".verdict b").first.wait_for()
    page.get_by_text("their share of the last 1 row.").wait_for()  # it counts anew

    assert told.startswith("The service does not answer")
    assert page.locator(".verdict b").all_inner_texts() == ["7", "7"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it_without_scrolling_sideways(open_page, service, scheme):
    page = open_page(
        service.url,
        viewport={"width": 390, "height": 844},
        color_scheme=scheme,
        has_touch=True,
        reduced_motion="reduce",
    )
    page.get_by_role("button", name="Sample 3").click()
    page.get_by_text("Path", exact=True).click()
    page.locator("table.path").wait_for()
    wait_for_more_rows(page, 0)

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    dark = page.evaluate("parseInt(getComputedStyle(document.body).backgroundColor.slice(4)) < 128")
    assert dark == (scheme == "dark")
