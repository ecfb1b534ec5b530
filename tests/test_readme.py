"""The README's own request gets the README's own answer, and the page stays short."""

import json
import re
from pathlib import Path

from tests.service import toys

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


async def test_the_first_request_gets_the_answer_that_is_printed_under_it():
    body = re.findall(r"/v2/models/digits/infer -d '(\{.*?\})'", README, re.DOTALL)[0]
    printed = json.loads(re.findall(r"```json\n(.*?)```", README, re.DOTALL)[0])

    async with toys.running() as (_, client):
        answer = (await client.post("/v2/models/digits/infer", content=body)).json()

    assert answer == printed


def test_it_is_read_in_one_sitting():
    assert len(README.splitlines()) < 200
