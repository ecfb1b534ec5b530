"""
Take pictures of a field's map: every view, at three widths, in light and dark.

Covered:      a store with a field, served by a process of its own.
Not covered:  pictures for the README (`bench.page.screenshots`).
"""

import argparse
import random
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page

from bench.page.browser import chromium
from loadtest.harness.service_process import ServiceProcess

WIDTHS = (390, 1280, 1920)
VIEWS = ("values", "leaves", "error", "traffic")


def open_map(browser: Browser, url: str, model: str, width: int, scheme: str) -> Page:
    """The page with the model's map drawn, and its middle asked about."""
    page = browser.new_page(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page.goto(url)
    page.locator(".tile").first.wait_for()
    page.get_by_label("Model").select_option(model)
    page.locator("#map-note", has_text="rows/s").wait_for()
    page.locator("#map canvas").click()
    page.locator("#map-answer table").first.wait_for()
    return page


def send_rows(url: str, model: str, count: int = 1000) -> None:
    """Traffic from one place of the map: rows around it, of the network's own inputs."""
    dice = random.Random(0)
    rows = [[dice.gauss(0.35, 0.2), dice.gauss(-0.3, 0.12)] for _ in range(count)]
    path = f"{url}/v1/models/{model}/predict"
    httpx.post(path, json={"inputs": rows}, trust_env=False).raise_for_status()


def take(url: str, model: str, rival: str | None, folder: Path) -> None:
    """Write `map-<view>-<scheme>-<width>.png` of the panel, and `map-page-…` of all."""
    with chromium() as browser:
        for scheme in ("light", "dark"):
            for width in WIDTHS:
                page = open_map(browser, url, model, width, scheme)
                page.screenshot(path=folder / f"map-page-{scheme}-{width}.png", full_page=True)
                if rival:
                    page.get_by_label("right side").select_option(rival)
                send_rows(url, model)
                for view in VIEWS:
                    page.locator("#map-views span", has_text=view).click()
                    page.wait_for_timeout(4000)  # its maps are computed meanwhile
                    name = f"map-{view}-{scheme}-{width}.png"
                    page.locator("#field").screenshot(path=folder / name)
                page.close()


def main() -> None:
    """Parse the command line and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--rival", help="right of the divider")
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    with ServiceProcess(store=arguments.store) as service:
        take(service.url, arguments.model, arguments.rival, arguments.folder)


if __name__ == "__main__":
    main()
