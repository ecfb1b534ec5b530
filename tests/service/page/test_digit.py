"""A digit on the page, drawn, pasted or taken, gets the answers that the service gives."""

import gzip
import json
import re

import httpx
import pytest

from bench.page.screenshots import SEVEN, draw_on_pad
from loadtest.harness.images import BUNDLED, read_images

IMAGES = read_images(BUNDLED, limit=20)
LABELS = gzip.decompress(BUNDLED.with_name("digits-labels.idx1-ubyte.gz").read_bytes())[8:]
PASTE = """([kind, value]) => { const data = new DataTransfer();
  data.setData(kind, value);
  document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true})); }"""
PASTE_IMAGE = """async ([pixels, side, cell]) => {
  const canvas = new OffscreenCanvas(side * cell, side * cell), c = canvas.getContext('2d');
  pixels.forEach((v, k) => { const g = 255 - Math.round(v * 255 / 16);
    c.fillStyle = `rgb(${g} ${g} ${g})`;
    c.fillRect(cell * (k % side), cell * Math.floor(k / side), cell, cell); });
  const data = new DataTransfer();
  data.items.add(new File([await canvas.convertToBlob()], 'digit.png', {type: 'image/png'}));
  document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true})); }"""

BOTH_SAY = """digit => [...document.querySelectorAll('.verdict b')].every(
  (b) => Number(b.textContent) === digit)"""


def asked_by(page, action) -> list[int]:
    """The pixels that the page sends to the FFF because of an action, once they are answered."""
    with page.expect_response("**/explain") as response:
        action()
    page.locator(".verdict b").first.wait_for()
    pixels: list[int]
    (pixels,) = json.loads(response.value.request.post_data)["inputs"]
    return pixels


def explained(service, pixels):
    body = {"inputs": [pixels], "datatype": "UINT8"}
    answer = httpx.post(f"{service.url}/v1/models/digits/explain", json=body).json()
    return answer["rows"][0]


def dense_class(service, pixels) -> int:
    body = {"inputs": [pixels], "datatype": "UINT8"}
    answer = httpx.post(f"{service.url}/v1/models/digits-dense/predict", json=body).json()
    return max(range(10), key=answer["outputs"][0].__getitem__)


def lit_nodes(page) -> list[int]:
    lit: list[int] = page.locator("#tree .node").evaluate_all(
        "nodes => nodes.flatMap((node, k) => node.classList.contains('lit') ? [k] : [])"
    )
    return lit


def assert_shown(page, service, pixels) -> None:
    """Classes, leaf, margin and path on the page are those of the service."""
    row = explained(service, pixels)
    leaf_node = row["leaf"] + 15
    page.wait_for_function(
        "node => document.querySelectorAll('#tree .node')[node].classList.contains('lit')",
        arg=leaf_node,
    )

    classes = page.locator(".verdict b").all_inner_texts()
    route = page.locator(".route").inner_text()
    steps = page.locator("table.path tbody tr").evaluate_all(
        "rows => rows.map((row) => [...row.cells].slice(0, 2).map((cell) => cell.textContent))"
    )

    assert classes == [str(row["class"]), str(dense_class(service, pixels))]
    assert f"Leaf {row['leaf']} of 16" in route
    (margin,) = re.findall(r"margin (\d+\.\d+)", route)
    assert float(margin) == pytest.approx(row["margin"], rel=0.01)
    assert steps == [[str(s["node"]), "right" if s["right"] else "left"] for s in row["path"]]
    assert lit_nodes(page) == [*(s["node"] for s in row["path"]), leaf_node]


def test_a_digit_drawn_with_the_mouse(page, service):
    pixels = asked_by(page, lambda: draw_on_pad(page, SEVEN))

    assert page.locator(".verdict b").all_inner_texts() == ["7", "7"]
    assert_shown(page, service, pixels)


def test_a_digit_drawn_by_keyboard_alone(page, service):
    """From the skip link to the answer; the strokes of a seven on steps of 14 pixels."""

    def press(key: str, times: int = 1) -> None:
        for _ in range(times):
            page.keyboard.press(key)

    def draw() -> None:
        press("Tab")
        press("Enter")  # the skip link
        press("ArrowUp", 5)
        press("ArrowLeft", 4)
        press("Space")
        press("ArrowRight", 8)
        for _ in range(5):
            press("ArrowDown", 2)
            press("ArrowLeft")
        press("Space")
        press("Enter")

    pixels = asked_by(page, draw)

    assert page.locator(".verdict b").first.inner_text() == "7"
    assert_shown(page, service, pixels)
    press("Delete")
    assert page.locator(".verdict").count() == 0
    assert lit_nodes(page) == []


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"inputs": [list(IMAGES[0])]}),
        json.dumps([list(IMAGES[0][k : k + 8]) for k in range(0, 64, 8)]),
        ",".join(map(str, IMAGES[0])),
        "\n".join(" ".join(map(str, IMAGES[0][k : k + 8])) for k in range(0, 64, 8)),
    ],
    ids=["body", "json", "csv", "lines"],
)
def test_pasted_numbers_are_the_pixels(page, service, text):
    pixels = asked_by(page, lambda: page.evaluate(PASTE, ["text/plain", text]))

    assert pixels == list(IMAGES[0])
    assert_shown(page, service, pixels)


def test_numbers_can_be_typed_and_a_mistake_is_told(page, service):
    field = page.get_by_label("Pixels as JSON or CSV")
    field.fill("[1, 2, 3]")
    short = page.locator(".error").inner_text()
    field.fill(",".join(["0.5"] * 64))
    fractional = page.locator(".error").inner_text()

    pixels = asked_by(page, lambda: field.fill(str(list(IMAGES[1]))))

    assert short == "Expected 64 whole numbers from 0 to 255; came 3 numbers."
    assert fractional == "Expected 64 whole numbers from 0 to 255; came the value 0.5."
    assert pixels == list(IMAGES[1])


@pytest.mark.parametrize("cell", [1, 20], ids=["own-size", "larger"])
def test_a_pasted_image_is_read_as_dark_ink_on_light_paper(page, service, cell):
    number = LABELS.index(0)
    image = list(IMAGES[number])

    pixels = asked_by(page, lambda: page.evaluate(PASTE_IMAGE, [image, 8, cell]))

    assert page.locator(".verdict b").all_inner_texts() == ["0", "0"]
    assert_shown(page, service, pixels)
    if cell == 1:
        assert pixels == image


def test_every_sample_is_recognised_by_both_networks(page):
    for digit in range(10):
        button = page.get_by_role("button", name=f"Sample {digit}")
        asked_by(page, button.click)
        page.wait_for_function(BOTH_SAY, arg=digit)
