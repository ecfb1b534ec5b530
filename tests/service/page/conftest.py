"""A real Chromium on the real service with the demo models; every page is held to its own rules."""

import contextlib
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route

from bench.page.browser import chromium, chromium_path
from model_store.store import Store
from service.page.document import FOLDER
from tests import networks_made
from tests.requirements import need
from tests.service import toys
from tests.service.page import fields

Open = Callable[..., Page]
Evaluate = Callable[[str], Any]


class ServiceOnOnePort:
    """The service with the demo models; a test may stop it, and the next finds it running again."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = str(probe.getsockname()[1])
        self._running = toys.LiveService("--port", self._port)
        self.url = self._running.url

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """No service while in the block; afterwards it has started again."""
        self.stop()
        try:
            yield
        finally:
            self._running = toys.LiveService("--port", self._port)

    def stop(self) -> None:
        self._running.stop()


@pytest.fixture(scope="package")
def service() -> Iterator[ServiceOnOnePort]:
    running = ServiceOnOnePort()
    yield running
    running.stop()


@pytest.fixture(scope="package")
def field_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[toys.LiveService]:
    """A service that has a field, and its rival and its data beside it."""
    store = fields.make_store(tmp_path_factory.mktemp("field") / "store")
    with toys.live("--store", str(store.root)) as running:
        yield running


@pytest.fixture(scope="package")
def network_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[toys.LiveService]:
    """A service that has a vision transformer and a stack, and their dense twins."""
    store = networks_made.publish_all(Store(tmp_path_factory.mktemp("networks") / "store"))
    with toys.live("--store", str(store.root)) as running:
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
    request to anybody but the service. `lost=True` allows for connections that failed; `path` is
    another page of it, there once an element is `shown`.
    """
    contexts, wrong = [], []

    def opened(
        url: str, lost: bool = False, path: str = "", shown: str = ".tile", **options: Any
    ) -> Page:
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
        page.goto(url + path)
        page.locator(shown).first.wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def page(open_page: Open, service: ServiceOnOnePort) -> Page:
    return open_page(service.url)


@pytest.fixture(scope="package")
def evaluate(browser: Browser) -> Iterator[Evaluate]:
    """What an expression of the modules' exports gives; the browser itself loads each module."""
    blank = browser.new_page()
    files = {f"/{file.name}": file for file in sorted(FOLDER.glob("*.js"))}
    blank.route("http://modules/**", lambda route: _fulfil(route, files))
    blank.goto("http://modules/")
    names = [name for name in files if name != "/start.js"]  # it looks for the page's elements
    blank.evaluate(
        f"async () => {{ const all = {names}.map((name) => import(name));"
        " globalThis.scope = Object.assign({}, ...await Promise.all(all)); }"
    )
    yield lambda expression: blank.evaluate(
        "text => Function(...Object.keys(scope), `return (${text})`)(...Object.values(scope))",
        expression,
    )
    blank.close()


def _fulfil(route: Route, files: Mapping[str, Path]) -> None:
    file = files.get(urlsplit(route.request.url).path)
    source = file.read_text(encoding="utf-8") if file else ""
    route.fulfill(body=source, content_type="text/javascript" if file else "text/html")
