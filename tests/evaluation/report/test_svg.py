"""Colours of a picture by itself: they read on its own paper, light or dark, on any page."""

import re

import pytest

from evaluation.report.contenders import FFF_FAMILIES
from evaluation.report.pictures import pictures
from evaluation.report.style import PAPER, look_of
from tests.evaluation.report.made_up import point, report

FAMILIES = (*FFF_FAMILIES, "dense", "low_rank", "mixture", "fixed_tree")
RULE = re.compile(r'\[style\*="(?:fill|stroke): (#\w{6})"\]\{(?:fill|stroke):(#\w{6})!important\}')
READABLE = 4.5
"""Contrast of small text, by WCAG 2.1, success criterion 1.4.3."""


@pytest.fixture(scope="module")
def svg() -> str:
    points = [
        point(family, 1000 + n, 0.9 + n / 1000, leaf_width=8, depth=n % 3, master_width=0)
        for n, family in enumerate(FAMILIES * 2)
    ]
    return "".join(pictures(report(points)).values())


def luminance(colour: str) -> float:
    """Of an sRGB colour, by WCAG 2.1."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_colour_is_exchanged_in_the_dark_and_reads_on_the_paper_of_both(svg: str) -> None:
    dark = dict(RULE.findall(svg))

    drawn = {*re.findall(r"(?:fill|stroke): (#\w{6})", re.sub("<style>.*?</style>", "", svg))}

    assert {look_of(family)[0] for family in FAMILIES} | {PAPER} <= drawn
    for colour in drawn - {PAPER}:
        assert contrast(colour, PAPER) >= READABLE, colour
        assert contrast(dark[colour], dark[PAPER]) >= READABLE, colour


def test_a_picture_that_is_opened_by_itself_lies_on_a_canvas_of_its_brightness(svg: str) -> None:
    assert svg.count(":root{color-scheme:light dark}") == svg.count("<svg ")
    papers = re.findall(f'<g id="patch_1">\\s*<path d="M 0 [^"]*" style="fill: {PAPER}"', svg)
    assert len(papers) == svg.count("<svg ")
