"""The request of README and index page gets the answer printed there; the README stays short."""

import json
import re
from pathlib import Path

import pytest

from tests.service import toys

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
INDEX_PAGE = (ROOT / "docs/package-page.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [README, INDEX_PAGE], ids=["README", "index page"])
async def test_the_first_request_gets_the_answer_that_is_printed_under_it(page):
    body = re.findall(r"/v2/models/digits/infer -d '(\{.*?\})'", page, re.DOTALL)[0]
    printed = json.loads(re.findall(r"```json\n(.*?)```", page, re.DOTALL)[0])

    async with toys.running() as (_, client):
        answer = (await client.post("/v2/models/digits/infer", content=body)).json()

    assert answer == printed


def test_it_is_read_in_one_sitting():
    assert len(README.splitlines()) < 200
