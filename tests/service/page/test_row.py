"""A table's network is asked by the names of its columns."""

import re

import httpx

from tests.service import named, toys


def test_a_row_is_asked_by_name(open_page, tmp_path):
    store = named.make_store(tmp_path)
    with toys.live("--store", str(store.root)) as service:
        page = open_page(service.url)
        form = page.locator("#row-form")
        form.get_by_label("age in years").fill("39")
        form.get_by_label("work").select_option("state")
        form.get_by_label("married").select_option("true")
        form.get_by_label("hours").fill("40.5")
        with page.expect_request("**/explain") as request:
            form.get_by_role("button", name="Ask").click()
        page.locator("#row-answer table.values").wait_for()
        answer = httpx.post(
            f"{service.url}/v1/models/census/explain", json={"rows": [named.ROW]}
        ).json()["rows"][0]

        assert request.value.post_data_json == {"rows": [{**named.ROW, "married": "true"}]}
        assert page.locator("#pad").is_hidden()
        classes = page.locator("#row-answer table.values td:nth-child(2)").all_inner_texts()
        assert classes[0] == str(answer["class"])
        assert len(classes) == 2
        route = page.locator("#row-answer .route").inner_text()
        assert re.match(rf"Leaf {answer['leaf']} of 8, margin", route)


def test_what_is_no_row_is_told(open_page, tmp_path):
    store = named.make_store(tmp_path)
    with toys.live("--store", str(store.root)) as service:
        page = open_page(service.url, lost=True)
        hint = page.locator("#row-form").get_by_label("age in years")
        assert hint.get_attribute("placeholder") == "learnt from 17 to 90\u00a0years"
        hint.fill("")
        page.locator("#row-form button").click()

        assert "age" in page.locator("#row-answer .error").inner_text()
