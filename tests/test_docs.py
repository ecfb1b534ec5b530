"""
What the pages name exists: links, anchors, files, modules, make targets, commands, settings.

Covered:      README, CONTRIBUTING, SECURITY, CHANGELOG, the examples' page and all of docs/.
Not covered:  other sites; whether what a command prints is what a page says (`test_readme`).
"""

import importlib.util
import re
from collections.abc import Iterable
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest
from typer.main import get_group

from service.cli.main import app
from service.settings import Settings

ROOT = Path(__file__).parents[1]
NAMES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "examples/README.md")
PAGES = [*(ROOT / name for name in NAMES), *sorted((ROOT / "docs").rglob("*.md"))]

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)|\b(?:src|srcset|href)=\"([^\"]+)\"")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
PATH = re.compile(r"[\w.*-]+(/[\w.*-]+)*/?")
ENDING = re.compile(r"[\w-]\.(cfg|css|ini|js|json|lua|md|proto|py|sh|svg|toml|txt|ya?ml)$")

ELSEWHERE = {"../shared", "loadtest/results", "report.json", "tokenizer.json"}
"""Beside a checkout, made by a command, or of a user's model: not in the repository."""

page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def spans(page: Path) -> list[str]:
    """Code within sentences, each on one line."""
    return [" ".join(span.split()) for span in SPAN.findall(prose(page))]


def code(page: Path) -> list[str]:
    """Every line of code, in sentences and in blocks; a line that goes on is one line."""
    blocks = "\n".join(FENCE.findall(page.read_text(encoding="utf-8")))
    return [*spans(page), *blocks.replace("\\\n", " ").splitlines()]


def links(page: Path) -> list[tuple[Path, str]]:
    """Files of ours that a page links to, each with the anchor or nothing."""
    targets = [inline or attribute for inline, attribute in LINK.findall(prose(page))]
    local = [target.partition("#") for target in targets if "://" not in target]
    return [(page.parent / file if file else page, anchor) for file, _, anchor in local]


def anchors(page: Path) -> set[str]:
    """What a page's headings are called in links, as GitHub makes them."""
    found: list[str] = []
    for heading in HEADING.findall(prose(page)):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return set(found)


@cache
def files() -> frozenset[str]:
    """Every file and folder of the checkout; of hidden folders, environments and caches, one."""
    top = [e for e in ROOT.iterdir() if e.is_file() or e.name == ".ci" or e.name[0] != "."]
    nested = [file for entry in top if entry.is_dir() for file in entry.rglob("*")]
    return frozenset(str(file.relative_to(ROOT)) for file in [*top, *nested])


def names_a_file(span: str) -> bool:
    """Whether code within a sentence is a path: it has a folder, or a file's ending."""
    if not PATH.fullmatch(span) or span in ELSEWHERE:
        return False
    return "/" in span or ENDING.search(span) is not None


def exists(named: str) -> bool:
    """Whether a path, which may have `*`, is there from the root; a bare name, anywhere."""
    path = named.rstrip("/")
    if "/" not in path:
        return any(file == path or file.endswith(f"/{path}") for file in files())
    return any(fnmatch(file, path) for file in files())


def words_after(command: str, lines: Iterable[str]) -> set[str]:
    """What stands next after a command, wherever a line of code names it."""
    return {match for line in lines for match in re.findall(rf"\b{command} ([a-z][\w.-]*)", line)}


def module_exists(name: str) -> bool:
    """Whether `python -m` finds a module; nothing of it but its packages' `__init__` runs."""
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = importlib.util.find_spec(f"{name}.__main__")
    return spec is not None


@page
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in links(page):
        assert target.exists(), target
        assert not anchor or anchor in anchors(target), f"{target}#{anchor}"


@page
def test_files_that_are_named_exist(page: Path) -> None:
    named = {span for span in spans(page) if names_a_file(span)}

    assert {span for span in named if not exists(span)} == set()


@page
def test_modules_to_run_exist(page: Path) -> None:
    named = words_after("python -m", code(page))

    assert {name for name in named if not module_exists(name)} == set()


@page
def test_make_targets_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))

    assert words_after("make", code(page)) <= targets


@page
def test_commands_exist_and_take_the_options_that_are_named(page: Path) -> None:
    commands = get_group(app).commands
    lines = [line for line in code(page) if "fff-serve" in line]

    assert words_after("fff-serve", lines) <= {*commands}
    for line in lines:
        for name in words_after("fff-serve", [line]):
            command = commands[name]
            context = command.make_context(name, [], resilient_parsing=True)
            options = command.get_params(context)
            taken = {opt for p in options for opt in (*p.opts, *p.secondary_opts)}
            assert set(re.findall(r"(?<=\s)--[a-z][\w-]*", line)) <= taken, line


@page
def test_settings_exist(page: Path) -> None:
    named = set(re.findall(r"\bFFF_([A-Z][A-Z_]*)", page.read_text(encoding="utf-8")))

    assert {name.lower() for name in named} <= {*Settings.model_fields}


def test_there_is_something_to_check() -> None:
    """The tests above read pages; pages without links, paths or commands would pass them all."""
    everything = [line for each in PAGES for line in code(each)]

    assert len(PAGES) > 15
    assert len([link for each in PAGES for link in links(each)]) > 20
    assert len([span for each in PAGES for span in spans(each) if names_a_file(span)]) > 60
    for command in ("python -m", "make", "fff-serve"):
        assert words_after(command, everything)
