"""A network of several layers on the page: a tree a layer, and which leaf each token took."""

import json

import httpx
import pytest

from bench.page.screenshots import SEVEN, draw_on_pad
from tests import networks_made as made

COLOURS = """grid => [...grid.querySelectorAll('.token')].map(
  (cell) => [Number(cell.textContent), cell.style.backgroundColor])"""


def drawn(page) -> list[int]:
    """The pixels that the page sends for a seven, once they are answered."""
    with page.expect_response("**/explain") as response:
        draw_on_pad(page, SEVEN)
    page.locator(".token").first.wait_for()
    pixels: list[int]
    (pixels,) = json.loads(response.value.request.post_data)["inputs"]
    return pixels


def lit(page) -> list[int]:
    nodes: list[int] = page.locator("#tree .node").evaluate_all(
        "nodes => nodes.flatMap((node, k) => node.classList.contains('lit') ? [k] : [])"
    )
    return nodes


def test_a_drawing_shows_the_leaf_of_every_token_and_a_click_its_path(open_page, network_service):
    page = open_page(network_service.url, path="/#model=vit")
    pixels = drawn(page)
    body = {"inputs": [pixels], "datatype": "UINT8"}
    url = f"{network_service.url}/v1/models/vit/explain"
    row = httpx.post(url, json=body).json()["rows"][0]

    grids = page.locator(".tokens")
    assert page.locator(".verdict b").first.inner_text() == str(row["class"])
    assert page.locator(".probabilities tbody tr").count() == 4
    for k, layer in enumerate(row["layers"]):
        cells = grids.nth(k).evaluate(COLOURS)
        assert [leaf for leaf, _ in cells] == [token["leaf"] for token in layer["tokens"]]
        assert len(dict(cells)) == len({*map(tuple, cells)})  # one leaf, one colour

    grids.nth(1).locator(".token").nth(24).click()
    page.get_by_text("Path", exact=True).click()
    token = row["layers"][1]["tokens"][24]
    page.wait_for_function("document.querySelector('#layer').value === '1'")
    assert f"1-ff.feed, token 24: Leaf {token['leaf']} of 8" in page.locator(".route").inner_text()
    steps = page.locator("table.path tbody tr td:first-child").all_inner_texts()
    assert steps == [str(step["node"]) for step in token["path"]]
    page.wait_for_function("document.querySelectorAll('#tree .node.lit').length === 4")
    assert lit(page) == [*map(int, steps), token["leaf"] + made.LEAVES - 1]

    grids.nth(1).locator(".token").nth(24).press("ArrowDown")
    assert "token 31" in page.locator(".route").inner_text()  # a row of 7 further
    page.locator("#layer").select_option("0")
    assert "0-ff.feed, token 31" in page.locator(".route").inner_text()


def test_each_layer_has_its_own_tree_heat_map_and_dead_leaves(open_page, network_service):
    page = open_page(network_service.url, path="/#model=stack")
    rows = {"inputs": [[0.1] * made.WIDTH] * 9}
    url = f"{network_service.url}/v1/models/stack/predict"
    httpx.post(url, json=rows).raise_for_status()
    page.get_by_text("their share of the last 9 rows").wait_for()
    dead = page.locator(".tile").filter(has_text="Dead leaves").locator("dd").first

    shown = [(page.locator("#tree .node").count(), dead.inner_text())]
    page.locator("#layer").select_option(label="1: second")
    shown.append((page.locator("#tree .node").count(), dead.inner_text()))

    assert shown == [(7, "3 of 4"), (15, "7 of 8")]
    assert "takes 6 numbers a row" in page.locator("#pad-reason").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_grids_without_scrolling_sideways(open_page, network_service, scheme):
    viewport = {"width": 390, "height": 844}
    page = open_page(
        network_service.url, path="/#model=vit", viewport=viewport, color_scheme=scheme
    )
    drawn(page)

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".tokens").count() == 2


@pytest.mark.parametrize(
    ("blocks", "count", "columns"),
    [
        ([{"type": "patch_embedding", "image": [1, 12, 20], "patch": 4}], 15, 5),
        ([{"type": "patch_embedding", "image": [1, 28, 28], "patch": 4}], 50, 8),
        ([], 1, 1),
        (None, 49, 7),
    ],
    ids=["patches", "one-more", "row", "unknown"],
)
def test_patches_lie_as_in_the_image_and_other_tokens_in_a_square(evaluate, blocks, count, columns):
    assert evaluate(f"columnsOf({json.dumps({'blocks': blocks})}, {count})") == columns
