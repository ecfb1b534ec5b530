"""The page's address names the model shown, and links lead to the others."""

import re

from tests.service.page import fields


def test_a_newcomer_is_told_of_the_map_and_finds_it_by_one_click(page):
    others = page.locator("#others")
    others.get_by_text("also here: terrain (a map of elevation)").wait_for()

    others.get_by_role("link", name="terrain").click()
    fields.computed(page, "terrain")
    answers = page.locator("#map-answer tbody th")
    page.locator("#map canvas").click()
    answers.first.wait_for()

    assert answers.all_inner_texts() == [
        "terrain (FFF)",
        "terrain-fourier (MLP)",
        "terrain-raster (the data)",
    ]
    assert others.inner_text() == "also here: digits (draw a digit)"


def test_an_address_shows_the_model_that_it_names_after_a_reload_too(open_page, field_service):
    page = open_page(field_service.url, path="#model=terrain")
    fields.computed(page, "terrain")
    page.get_by_label("Model").select_option("digits")
    page.locator("#pad").wait_for()

    page.reload()
    page.locator("#pad").wait_for()
    page.go_back()
    page.wait_for_url("about:blank")


def test_going_back_shows_what_was_shown_before(open_page, field_service):
    page = open_page(field_service.url)
    page.locator("#others").get_by_role("link", name="terrain").click()
    page.locator("#map canvas").wait_for()

    page.go_back()
    page.locator("#pad").wait_for()

    assert re.search("#model=digits$", page.url)


def test_an_address_of_a_model_that_is_not_served_says_so(open_page, field_service):
    page = open_page(field_service.url, path="#model=a%3Cb%3E")

    told = page.locator("#state").inner_text()

    assert told == "a<b> is no FFF that is served; this is digits."
