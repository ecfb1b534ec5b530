"""What the page tells its reader to do, helps with the models that are served."""

import json
import re

import httpx
import pytest

from bench.page.screenshots import SEVEN, draw_on_pad
from fff.layers import FFF
from model_store.store import Store
from tests.service import toys

EMPTY = ".chart p.empty"
SCALING = {"scale": 1 / 255, "shift": 0.0}


@pytest.fixture(scope="module")
def quiet_demo():
    """Nobody has sent it anything yet."""
    with toys.live() as service:
        yield service


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """A model of six numbers a row, and one of images of three classes; neither has a twin."""
    store = Store(tmp_path_factory.mktemp("others") / "store")
    for name, width in (("numbers", 6), ("pictures", 64)):
        weights = FFF(width, 3, depth=2, leaf_width=2).weights()
        store.publish(name, weights, origin=toys.ORIGIN, uint8=SCALING)
    with toys.live("--store", str(store.root)) as service:
        yield service


def advised(page, advice: str) -> list[str]:
    """The charts that are empty and say that this would fill them."""
    charts: list[str] = page.locator(EMPTY, has_text=advice).evaluate_all(
        "texts => texts.map((text) => text.parentElement.id)"
    )
    return charts


def wait_until_drawn(page, charts: list[str]) -> None:
    page.wait_for_function(
        f"charts => charts.every((id) => !document.querySelector(`#${{id}} {EMPTY.split()[1]}`))",
        arg=charts,
    )


def advised_path(page) -> str:
    """Where the page says to send rows."""
    found = re.search(r"Send rows to (\S+?)[,.]?$", page.locator("#request").inner_text())
    assert found
    return found[1]


def send_rows(service, path: str, width: int) -> None:
    sent = httpx.post(f"{service.url}/{path}", json={"inputs": [[0.5] * width] * 8})
    assert sent.status_code == 200


def test_charts_that_ask_for_a_drawing_or_for_rows_are_filled_by_them(open_page, quiet_demo):
    page = open_page(quiet_demo.url)
    by_drawing, by_rows = advised(page, "draw a digit"), advised(page, "Send rows to")
    tree, path = page.locator("#tree-note").inner_text(), advised_path(page)

    draw_on_pad(page, SEVEN)
    wait_until_drawn(page, by_drawing)
    send_rows(quiet_demo, path, 64)
    wait_until_drawn(page, by_rows)

    assert {*by_rows} - {*by_drawing} == {"request"}
    assert {"heat", "compute", "batch", "drift"} <= {*by_drawing}
    assert tree == "No rows yet. Send rows to v1/models/digits/predict, or draw a digit."
    page.get_by_text("their share of the last 9 rows").wait_for()


def test_nobody_is_asked_to_draw_what_the_model_cannot_take(open_page, others):
    page = open_page(others.url)
    page.get_by_label("Model").select_option("numbers")
    page.get_by_text("no square of pixels").wait_for()

    assert page.locator("#to-pad, #pad-area, #samples").locator("visible=true").count() == 0
    assert page.get_by_role("heading", name="Ask the network").is_visible()
    assert "draw" not in page.locator("main").inner_text().lower()
    by_rows = advised(page, "Send rows to v1/models/numbers/predict.")
    send_rows(others, advised_path(page), 6)
    wait_until_drawn(page, by_rows)
    assert {"heat", "request", "compute", "batch"} <= {*by_rows}


def test_only_where_there_are_ten_classes_an_image_is_called_a_digit(open_page, others):
    page = open_page(others.url)
    page.get_by_label("Model").select_option("pictures")
    page.locator("#pad-help", has_text="Draw an image.").wait_for()

    assert "digit" not in page.locator("main").inner_text().lower()
    assert page.locator("#samples").is_hidden()


@pytest.mark.parametrize(
    ("leaves", "rows", "expected", "said"),
    [
        (16, 0, 0, "no rows yet"),
        (16, 2, 14.06, "in the last 2 rows, too few to tell; by chance about 14"),
        (16, 36, 1.6, "in the last 36 rows, too few to tell; by chance about 1.6"),
        (16, 37, 1.47, "in the last 37 rows; by chance about 1.5"),
        (128, 10_000, 52.0, "in the last 10,000 rows; by chance about 52"),
        (16, 900, 1e-9, "in the last 900 rows; by chance about 0"),
        (1, 1, 0, "in the last 1 row, too few to tell; by chance about 0"),
    ],
)
def test_dead_leaves_stand_beside_what_chance_alone_makes(evaluate, leaves, rows, expected, said):
    layer = {"leaves": leaves, "window_rows": rows, "expected_dead": expected}

    assert evaluate(f"deadLeavesNote({json.dumps(layer)})") == said
