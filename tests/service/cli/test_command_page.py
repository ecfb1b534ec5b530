"""`docs/command-line.md` names every command, and every setting as it is."""

import re
from pathlib import Path

from typer.main import get_group

from service.cli.main import app
from service.cli.setting_options import default_text, flag, variable
from service.settings import Settings

PAGE = Path(__file__).resolve().parents[3] / "docs" / "command-line.md"
COMMANDS, _, SETTINGS = PAGE.read_text(encoding="utf-8").partition("## Settings")


def test_every_command_is_on_the_page():
    named = {
        name for row in re.findall(r"^\| (`.*?) \|", COMMANDS, re.M) for name in row.split(", ")
    }

    assert {f"`{name}`" for name in get_group(app).commands} <= named


def test_the_settings_on_the_page_are_those_there_are():
    rows = [line.strip("| ").split(" | ") for line in SETTINGS.splitlines() if line[:3] == "| `"]

    assert [row[0].strip("`") for row in rows] == [*Settings.model_fields]
    for (_, option, named, _, default), name in zip(rows, Settings.model_fields, strict=True):
        assert (named.strip("`"), default) == (variable(name), default_text(name))
        assert (option.strip("`") == flag(name)) or flag(name) is None
