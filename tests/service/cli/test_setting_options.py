"""Each option of `serve` sets its setting; what it was given goes on untouched."""

from typing import Any

import pytest

from service.cli import serve
from service.cli.setting_options import flag
from service.settings import SECRETS, Settings, load_settings

FLAGS = {name: str(flag(name)) for name in Settings.model_fields if name not in SECRETS}
SWITCHES = [name for name in FLAGS if Settings.model_fields[name].annotation is bool]


@pytest.fixture
def given(command, monkeypatch):
    """What `serve` is handed of a command line."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(serve, "run", lambda **flags: calls.append(flags))

    def of(*arguments: str) -> dict[str, Any]:
        assert command("serve", *arguments).code == 0
        return {name: value for name, value in calls.pop().items() if value is not None}

    return of


@pytest.mark.parametrize("name", [name for name in FLAGS if name not in SWITCHES])
def test_an_option_hands_its_text_to_its_setting(name, given):
    assert given(FLAGS[name], " 1,a ") == {name: " 1,a "}
    assert given(FLAGS[name], "") == {name: ""}


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_turns_its_setting_on_and_off(name, given):
    assert given(FLAGS[name]) == {name: True}
    assert given(FLAGS[name].replace("--", "--no-", 1)) == {name: False}


def test_nothing_given_is_nothing_set(given):
    assert given() == {}


def test_a_list_and_a_switch_are_read_as_they_are_in_a_variable(given):
    flags = given("--cors-origins", "https://a.example, https://b.example", "--require-all-models")

    settings = load_settings(flags, None, {})

    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.require_all_models
