"""
Help lists all there is and nothing else; it is plain, quick, and its examples can be typed.

Not covered:  whether what it says is so; `docs/command-line.md` (`test_command_page`).
"""

import re
import shlex
import subprocess
import sys
from typing import Any

import pytest
from typer.main import get_command

from fff.activations import ACTIVATIONS
from service.cli.main import app
from service.cli.setting_options import SECTIONS, default_text, flag, variable
from service.settings import SECRETS, Settings, load_settings
from training.field.recipe import FieldRecipe
from training.recipe import Recipe
from training.recipes import ABOUT, FIELD_RECIPES, RECIPES, TABLE_RECIPES, VISION_RECIPES
from training.table.recipe import TableRecipe
from training.vision.recipe import VisionRecipe

GROUP: Any = get_command(app)
COMMANDS = [*GROUP.commands]


def parameters(name: str) -> list[Any]:
    command = GROUP.commands[name]
    return [*command.get_params(command.make_context(name, [], resilient_parsing=True))]


def options(name: str) -> set[str]:
    """Every option of a command, long and short, and what turns it off."""
    return {opt for p in parameters(name) for opt in (*p.opts, *p.secondary_opts) if opt[0] == "-"}


def section(text: str, title: str) -> str:
    """What stands in help under a heading."""
    return text.partition(f"\n{title}:\n")[2].partition("\n\n")[0]


def terms(text: str) -> list[str]:
    """What the lines of a section begin with."""
    return re.findall(r"^  (\S+)", text, re.MULTILINE)


def test_the_commands_in_the_help_are_those_there_are(command):
    assert terms(section(command("--help").out, "Commands")) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_the_options_in_the_help_are_those_there_are(name, command):
    heads = re.findall(r"^  (-.*?)(?=  |$)", command(name, "--help").out, re.MULTILINE)
    words = {word.rstrip(",") for head in heads for word in head.split()}

    assert {word for word in words if word.startswith("-")} == options(name)


def test_every_setting_is_in_the_help_of_serve_with_its_default_and_its_names(command):
    text = " ".join(command("serve", "--help").out.split())

    for name in Settings.model_fields:
        assert variable(name) in text
        if name in SECRETS:
            assert f"{variable(name)} (no option)" in text
            continue
        assert f" {flag(name)}" in text
        assert f"[env var: {variable(name)}; default: {default_text(name)}]" in text


def test_every_variable_in_the_help_of_serve_is_a_setting(command):
    named = re.findall(r"\bFFF_([A-Z_]+)\b", command("serve", "--help").out)

    assert {name.lower() for name in named} == Settings.model_fields.keys()


def test_a_secret_is_no_option_and_says_why(command):
    text = command("serve", "--help").out

    assert not {f"--{name.replace('_', '-')}" for name in SECRETS} & options("serve")
    assert " ".join(text.split()).count("ps shows flags to everyone") == len(SECRETS)


def test_every_heading_of_the_settings_begins_at_one_of_them():
    assert [*Settings.model_fields][0] == [*SECTIONS.values()][0]
    assert {*SECTIONS.values()} <= Settings.model_fields.keys()


def test_a_default_in_the_help_is_the_default():
    """Given as it is printed, it changes nothing; what is called none cannot be given."""
    printed = {name: default_text(name).partition(" (")[0] for name in Settings.model_fields}
    given = {variable(name): text for name, text in printed.items() if text != "none"}

    assert load_settings({}, None, given).model_dump() == Settings().model_dump()


def test_every_recipe_and_field_is_in_the_help_of_train(command):
    text = command("train", "--help").out

    assert [*ABOUT] == [*RECIPES, *FIELD_RECIPES, *TABLE_RECIPES, *VISION_RECIPES]
    assert terms(section(text, "Recipes")) == [*ABOUT]
    for heading, kind in (
        ("Fields of a recipe", Recipe),
        ("Fields of the recipe field", FieldRecipe),
        ("Fields of the recipe table", TableRecipe),
        ("Fields of the recipes vit-mnist and vit-fashion", VisionRecipe),
    ):
        fields = {*kind.__dataclass_fields__} - {"name"}
        assert {*terms(section(text, f"{heading}, for --set"))} == fields


def test_every_activation_is_in_the_help_of_import(command):
    text = " ".join(command("import", "--help").out.split())

    assert f"One of {', '.join(ACTIVATIONS)}." in text


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_is_plain_and_80_columns_wide(name, command):
    arguments = [name] if name else []
    short, long = command(*arguments, "-h"), command(*arguments, "--help")

    assert short == long
    assert (long.code, long.err) == (0, "")
    assert long.out.isascii() or "…" in long.out
    assert max(map(len, long.out.splitlines())) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_take_options_there_are(name, command):
    examples = command(name, "--help").out.partition("\nExamples:\n")[2].replace("\\\n", " ")

    assert examples.strip()
    for example in examples.strip().splitlines():
        program, of, *arguments = shlex.split(example)
        assert (program, of) == ("fff-serve", name)
        if name != "bench":  # its options are those of bench.kernels
            assert {word for word in arguments if word.startswith("-")} - {"-1", "-"} <= options(
                name
            )


def test_version_is_one_line(command):
    ended = command("--version")

    assert ended.code == 0
    assert re.fullmatch(r"fff-serve \S+ \(Python \S+, torch \S+\)\n", ended.out)


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["--help"], {"torch", "numba", "pydantic"}),
        (["--version"], {"torch", "numba", "pydantic"}),
        (["train", "--help"], {"torch", "numba"}),
        (["serve", "--help"], {"torch", "numba"}),
    ],
)
def test_help_imports_nothing_heavy(arguments, heavy):
    code = (
        "import sys\nfrom service.cli import failures\nfrom service.cli.main import app\n"
        f"failures.run(app, {arguments})\n"
        f"print({heavy} & {{*sys.modules}})"
    )

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)

    assert ended.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("fff-serve ver", ["verify"]),
        ("fff-serve show digits-", ["digits-dense"]),
        ("fff-serve train fff", ["fff-paper"]),
        ("fff-serve serve --grpc", ["--grpc-port"]),
        ("fff-serve serve --backend tr", ["triton"]),
        ("fff-serve import x --activation gelu_", ["gelu_tanh"]),
        ("fff-serve show x --store /nonesuch d", []),
    ],
)
def test_a_shell_completes(line, completed, monkeypatch, capsys):
    words = line.split()
    monkeypatch.setenv("_FFF_SERVE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))

    with pytest.raises(SystemExit):
        app([], prog_name="fff-serve", standalone_mode=False)

    assert capsys.readouterr().out.split() == completed


@pytest.mark.parametrize("url", ["s3://bucket/models", "hf://org/repo/models"])
def test_a_shell_asks_no_remote_store(url, monkeypatch, capsys):
    folders = lambda _, *path: ["1"] if path else ["digits-remote"]  # noqa: E731
    monkeypatch.setattr("model_store.remote.objects.Objects.folders", folders)
    monkeypatch.setenv("FFF_STORE", url)

    test_a_shell_completes("fff-serve show dig", [], monkeypatch, capsys)
