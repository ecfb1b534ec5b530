"""Extras: whatever names one names one that exists, and messages come from one place."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from fff.extras import needs_extra
from ops.install import within
from tests.test_architecture import FILES, ROOT
from tests.test_docs import PAGES

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
NAMED = re.compile(r"(?:EXTRAS=|fff-serve\[|'\.\[)([a-z]+(?:,[a-z]+)*)")
"""Extras as shells are given them: `EXTRAS=grpc,otel`, `fff-serve[grpc]`, `.[grpc]`."""

INSTALL = re.compile(r"pip install .?fff-serve\[")


def texts() -> Iterator[tuple[Path, str]]:
    """Whatever tells people to install: pages, our code, the Makefile, the container's files."""
    names = ("Makefile", "Dockerfile", "docker-compose.yml", "client/README.md")
    for file in [*PAGES, *FILES, *(ROOT / "ops").glob("*.*"), *(ROOT / name for name in names)]:
        yield file, file.read_text(encoding="utf-8")


def asked_for() -> Iterator[tuple[str, str]]:
    """The extra of every message about a missing one."""
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "needs_extra":
                assert isinstance(node.args[1], ast.Constant), f"{file}:{node.lineno}"
                yield str(file), str(node.args[1].value)


def test_every_extra_that_is_named_anywhere_exists():
    named = {(str(file), extra) for file, text in texts() for extra in extras_in(text)}

    assert len(named) > 4
    assert {pair for pair in [*named, *asked_for()] if pair[1] not in EXTRAS} == set()


def test_a_missing_extra_is_told_of_in_one_sentence_that_is_written_once():
    written = {file for file, text in texts() if INSTALL.search(text) and file in FILES}

    assert written == {ROOT / "fff/extras.py"}
    assert len({*asked_for()}) >= 4


def test_the_sentence_helps_in_a_checkout_and_after_a_release():
    said = needs_extra("setting grpc_port", "grpc")

    assert said.startswith("setting grpc_port needs the extra grpc: ")
    assert "make install EXTRAS=grpc" in said
    assert 'pip install "fff-serve[grpc]"' in said


def test_an_extra_holds_those_that_it_asks_for():
    assert within(["dev"], EXTRAS) == {*EXTRAS} - {"release"}
    assert within(["grpc"], EXTRAS) == {"grpc"}
    assert within([], EXTRAS) == set()


def extras_in(text: str) -> set[str]:
    return {extra for names in NAMED.findall(text) for extra in names.split(",")}
