"""The README's own request gets the README's own answer."""

import json
import re
from pathlib import Path

from service.cli.main import app
from tests.service import toys

README = (Path(__file__).parents[1] / "README.md").read_text()


async def test_the_first_request_gets_the_answer_that_is_printed_under_it():
    body = re.findall(r"/v2/models/digits/infer -d '(\{.*?\})'", README, re.DOTALL)[0]
    printed = json.loads(re.findall(r"```json\n(.*?)```", README, re.DOTALL)[0])

    async with toys.running() as (_, client):
        answer = (await client.post("/v2/models/digits/infer", content=body)).json()

    assert answer == printed


def test_every_command_it_names_exists():
    named = set(re.findall(r"fff-serve (\w+)", README))
    commands = {command.name for command in app.registered_commands}
    assert named <= commands


def test_every_make_target_it_names_exists():
    makefile = (Path(__file__).parents[1] / "Makefile").read_text()
    for target in set(re.findall(r"`?make ([a-z-]+)", README)) - {"are"}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
