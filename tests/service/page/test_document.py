"""The page is one document that needs nothing else and lets nothing else in."""

import base64
import gzip
import hashlib
import itertools
import re
from pathlib import Path

import httpx
import pytest

from loadtest.harness.images import BUNDLED, read_images
from service.page.document import FOLDER, build_page

SOURCES = sorted(file for file in Path(FOLDER).iterdir() if file.is_file())
STYLE = (FOLDER / "style.css").read_text()


def content_of(tag: str, html: str) -> str:
    found = re.search(rf"<{tag}[^>]*>(.*?)</{tag}>", html, re.DOTALL)
    assert found
    return found[1]


def test_the_policy_allows_the_documents_own_script_and_style_alone(service):
    answer = httpx.get(service.url)

    policy = dict(
        part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; ")
    )
    assert answer.headers["content-type"].startswith("text/html")
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    for tag in ("script", "style"):
        digest = hashlib.sha256(content_of(tag, answer.text).encode()).digest()
        assert policy[f"{tag}-src"] == f"'sha256-{base64.b64encode(digest).decode()}'"


def test_the_document_names_no_other_host_and_no_other_file():
    html = build_page().html.decode().replace("http://www.w3.org/2000/svg", "")

    assert "{{" not in html.replace("`${{", "")
    assert not re.findall(r"https?://|\bsrc=|@import|url\(", html)


def test_below_a_path_prefix_the_page_asks_for_nothing_outside_it(browser, service):
    prefix = f"{service.url}/some/prefix"
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.route(
        f"{prefix}/**",
        lambda route: route.fulfill(
            response=route.fetch(url=route.request.url.replace("/some/prefix", ""))
        ),
    )

    page.goto(f"{prefix}/")
    page.locator(".tile").first.wait_for()
    page.get_by_role("button", name="Sample 7").click()
    page.locator(".verdict b").first.wait_for()
    links = page.locator("a[href]:not(.skip)").evaluate_all("links => links.map((a) => a.href)")
    page.unroute_all(behavior="wait")
    page.close()

    assert len(links) == 4
    assert all(url.startswith((f"{prefix}/", "data:")) for url in asked + links)


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.name)
def test_a_source_fits_in_the_head_and_writes_text_never_markup(file):
    source = file.read_text(encoding="utf-8")

    assert len(source.splitlines()) <= 250
    assert file.suffix != ".js" or max(map(len, source.splitlines())) <= 100
    assert not re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\bon\w+=", source
    )


@pytest.mark.parametrize("name", ["start.js", "style.css"])
def test_a_part_that_would_end_its_own_element_stops_start_up(tmp_path, name):
    for file in SOURCES:
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / name).write_text("/* </script></style> */")

    with pytest.raises(ValueError, match="must not contain </"):
        build_page(tmp_path)


def test_the_samples_are_digits_of_the_held_out_data_in_order():
    text = (FOLDER / "samples.js").read_text()
    samples = [bytes(int(c, 17) for c in row) for row in re.findall(r'"([0-9a-g]{64})"', text)]
    labels = gzip.decompress(BUNDLED.with_name("digits-labels.idx1-ubyte.gz").read_bytes())[8:]
    by_image = dict(zip(read_images(BUNDLED, limit=len(labels)), labels, strict=True))

    assert [by_image[sample] for sample in samples] == list(range(10))


def palettes() -> dict[str, dict[str, str]]:
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    return {
        name: dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", rules))
        for name, rules in (("light", light), ("dark", dark))
    }


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_legible_on_every_ground(scheme):
    colours = palettes()[scheme]
    texts, grounds = ("ink", "muted", "fff", "dense", "lit"), ("ground", "card")

    for text, ground in [*itertools.product(texts, grounds), ("bad", "bad-ground")]:
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


@pytest.mark.parametrize(("scheme", "sign"), [("light", -1), ("dark", 1)])
def test_the_colour_scale_goes_one_way_from_the_ground(scheme, sign):
    """Lightness alone orders the scale, so it can be read without seeing hues."""
    colours = palettes()[scheme]

    steps = [sign * luminance(colours[name]) for name in ("ground", "heat-0", "heat-1", "heat-2")]

    assert steps == sorted(steps)
