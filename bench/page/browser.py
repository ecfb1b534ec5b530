"""
A real Chromium for the page at `/`, and traffic for it to show.

Covered:      Debian's chromium driven by playwright, headless; a steady load of digits.
Not covered:  other browsers; what the load measures (`loadtest` does that).
"""

import contextlib
import itertools
import random
import shutil
from collections.abc import Generator, Iterator, Sequence

import httpx
from playwright.sync_api import Browser, sync_playwright

from loadtest.harness.background import in_background
from loadtest.harness.images import BUNDLED, read_images

# No sandbox: containers run as root. The rest keeps it from calling home.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-lcd-text",  # grey edges: a picture compresses better
)


def chromium_path() -> str | None:
    """Where chromium is, if it is installed (Debian: `apt-get install chromium`)."""
    return shutil.which("chromium")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """
    Start it, for the length of a block.

    Raises:
        FileNotFoundError: If it is not installed.
    """
    path = chromium_path()
    if path is None:
        raise FileNotFoundError("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def digits_traffic(
    url: str, models: Sequence[str] = ("digits", "digits-dense"), pause_s: float = 0.01
) -> Iterator[None]:
    """
    Send the bundled digits to the models in turn, 1 to 32 rows a request, while in the block.

    Raises:
        httpx.HTTPError: At the end of the block, if a request failed.
    """
    with in_background(_send_digits(url, models), pause_s):
        yield


def _send_digits(url: str, models: Sequence[str]) -> Generator[None]:
    images, dice = [list(row) for row in read_images(BUNDLED, limit=360)], random.Random(0)
    with httpx.Client(base_url=url, trust_env=False) as client:
        for model in itertools.cycle(models):
            rows = dice.choices(images, k=dice.choice((1, 1, 2, 4, 8, 32)))
            body = {"inputs": rows, "datatype": "UINT8"}
            client.post(f"/v1/models/{model}/predict", json=body).raise_for_status()
            yield
