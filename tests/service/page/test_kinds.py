"""The page calls an FFF's baseline by what it is, whatever it is."""

from model_store.store import Store
from tests.fff.networks import low_rank, tree
from tests.service import toys


def test_a_baseline_is_called_by_its_kind(open_page, tmp_path):
    label = "low rank"
    common = {"origin": toys.ORIGIN, "uint8": {"scale": 1 / 16, "shift": 0.0}}
    store = Store(tmp_path)
    store.publish("rival", low_rank(64, 4, 16, 10), **common)
    store.publish("fff", tree(64, 2, 4, 10), baseline="rival", **common)
    with toys.live("--store", str(store.root)) as service:
        page = open_page(service.url)
        page.get_by_role("button", name="Sample 7").click()
        page.locator(".verdict b").first.wait_for()
        page.locator("#compute svg").wait_for()

        assert f"{label}: rival" in page.locator("#about").inner_text()
        tiles = page.locator(".tile dd.dense small").all_inner_texts()
        assert tiles
        assert {*tiles} == {label}
        assert page.locator(".verdict.dense span").inner_text().startswith(f"{label}, ")
        assert page.locator("table.probabilities th").all_inner_texts()[:3] == [
            "class",
            "FFF",
            label,
        ]
        assert (
            page.locator("#compute svg")
            .get_attribute("aria-label")
            .split("; ")[1]
            .startswith(f"{label}: ")
        )
        page.locator("#rate").get_by_text(label).first.wait_for()
