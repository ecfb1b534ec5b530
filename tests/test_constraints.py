"""constraints.txt: one exact version of everything an install brings in, and none ours forbids."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINES = [
    line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")
]


def asked_for() -> list[Requirement]:
    """What the project and its extras name, without the project itself."""
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    named = [Requirement(line) for lines in lists for line in lines]
    return [requirement for requirement in named if requirement.name != PROJECT["name"]]


def test_every_line_is_a_version_that_an_index_can_offer():
    """No address, no local path, no build's own suffix such as `+cpu`."""
    assert LINES
    assert [line for line in LINES if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9a-z.]+", line)] == []


def test_everything_that_is_asked_for_has_a_version_and_it_is_one_that_is_allowed():
    """A new dependency, or a new bound, needs `make lock`."""
    pairs = [line.split("==") for line in LINES]
    pinned = {canonicalize_name(name): version for name, version in pairs}

    refused = [
        str(requirement)
        for requirement in asked_for()
        if not requirement.specifier.contains(pinned.get(canonicalize_name(requirement.name), ""))
    ]

    assert refused == []


@pytest.mark.parametrize("name", ["Makefile", "Dockerfile"])
def test_every_install_goes_by_it(name):
    """Of what others publish; the project's own code has no version to choose."""
    installs = re.findall(r"(?:\$\(PIP\)| pip) install .*", (ROOT / name).read_text())

    assert installs
    assert [line for line in installs if not re.search(r"-c \S*constraints|--no-deps", line)] == []
