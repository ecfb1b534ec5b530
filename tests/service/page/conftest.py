"""A real Chromium on the real service with the demo pair; every page is held to its own rules."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from bench.page.browser import chromium, chromium_path
from service.page.document import FOLDER
from tests.requirements import need
from tests.service import toys

Open = Callable[..., Page]
Evaluate = Callable[[str], Any]


@pytest.fixture(scope="package")
def service() -> Iterator[toys.LiveService]:
    with toys.live() as running:
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Closed with this folder: while playwright runs, no test can run an event loop."""
    need(chromium_path(), "chromium, Debian's package")
    with chromium() as started:
        yield started


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """
    Open a service's page; afterwards nothing may have gone wrong in it.

    No error on the console (a violated Content-Security-Policy is one), no exception, and no
    request to anybody but the service. `lost=True` allows for connections that failed.
    """
    contexts, wrong = [], []

    def opened(url: str, lost: bool = False, **options: Any) -> Page:
        options.setdefault("viewport", {"width": 1280, "height": 900})
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()

        def on_console(message: Any) -> None:
            expected = lost and "Failed to load resource" in message.text
            if message.type == "error" and not expected:
                wrong.append(message.text)

        def on_request(request: Any) -> None:
            if not request.url.startswith((url, "data:")):
                wrong.append(f"asked {request.url}")

        page.on("console", on_console)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", on_request)
        page.goto(url)
        page.locator(".tile").first.wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def page(open_page: Open, service: toys.LiveService) -> Page:
    return open_page(service.url)


@pytest.fixture(scope="package")
def evaluate(browser: Browser) -> Iterator[Evaluate]:
    """What an expression gives where the page's scripts, all but the last, are defined."""
    blank = browser.new_page()
    scripts = [f for f in sorted(Path(FOLDER).glob("*.js")) if f.name != "start.js"]
    source = "\n".join(file.read_text(encoding="utf-8") for file in scripts)
    yield lambda expression: blank.evaluate(f"() => {{ {source}\n return ({expression}); }}")
    blank.close()
