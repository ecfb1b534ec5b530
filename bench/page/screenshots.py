"""
Take the pictures of the page that README and docs/fields.md show: `make screenshots`.

The demo is served by a process of its own, its digits have been under load for 40 s (a fuller heat
map would take the pictures beyond 200 kB), and have just been asked about one; then its map.
"""

import argparse
import re
from pathlib import Path

from playwright.sync_api import Page

from bench.page.browser import chromium, digits_traffic
from bench.page.map_screenshots import open_map
from loadtest.harness.service_process import ServiceProcess

DOCS = Path(__file__).parents[2] / "docs"
SEVEN = ((80, 70), (200, 70), (130, 230))  # strokes' corners on the pad of 280 px


def draw_on_pad(page: Page, corners: tuple[tuple[int, int], ...]) -> None:
    """Draw one stroke with the mouse, through these points of the pad's own 280 x 280."""
    pad = page.locator("#pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    assert box is not None, "the pad is not shown"
    scale = box["width"] / 280
    places = [(box["x"] + x * scale, box["y"] + y * scale) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()


def take(folder: Path, seconds: float, widths: list[int]) -> None:
    """Write `page-light.png` and `page-dark.png`; other widths than 1280 carry their name."""
    with ServiceProcess() as service, chromium() as browser, digits_traffic(service.url):
        pages = []
        for scheme in ("light", "dark"):
            for width in widths:
                page = browser.new_page(
                    viewport={"width": width, "height": 800},
                    color_scheme="dark" if scheme == "dark" else "light",
                )
                page.goto(service.url)
                name = f"page-{scheme}.png" if width == 1280 else f"page-{scheme}-{width}.png"
                pages.append((page, name))
        pages[0][0].wait_for_timeout(1000 * seconds)
        for page, name in pages:
            draw_on_pad(page, SEVEN)
            page.locator(".verdict b").first.wait_for()
            page.evaluate("scrollTo(0, 0)")
            page.wait_for_timeout(1500)  # one more reading, drawn in the width it is taken in
            page.screenshot(path=folder / name, full_page=True)


def take_map(folder: Path) -> None:
    """Write `map-light.png` and `map-dark.png`: the terrain, by the FFF and by its rival."""
    with ServiceProcess() as service, chromium() as browser:
        for scheme in ("light", "dark"):
            page = open_map(browser, service.url, "terrain", 1280, scheme)
            page.get_by_label("right side").select_option("terrain-fourier")
            page.locator("#map-note", has_text=re.compile(r"fourier: .* over HTTP")).wait_for()
            page.locator("#field").screenshot(path=folder / f"map-{scheme}.png")
            page.close()


def main() -> None:
    """Parse the command line and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=DOCS)
    parser.add_argument("--seconds", type=float, default=40, help="under load before")
    parser.add_argument("--widths", type=int, nargs="+", default=[1280])
    arguments = parser.parse_args()
    take(arguments.folder, arguments.seconds, arguments.widths)
    take_map(arguments.folder)


if __name__ == "__main__":
    main()
