"""constraints.txt: one exact version of everything an install brings in, and none ours forbids."""

import re
import tomllib
from pathlib import Path

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


def test_every_install_goes_by_it():
    """Of what others publish; the project's own code has no version to choose."""
    installs = re.findall(r" pip install .*", (ROOT / "Dockerfile").read_text())
    for file in ("install", "install_torch"):
        text = (ROOT / f"ops/{file}.py").read_text()
        installs += re.findall(r"(?:run_pip\(|subprocess\.run\(\[\*uv).*", text)

    assert len(installs) > 3
    by_it = re.compile(r"-c \S*constraints|--no-deps|CONSTRAINTS")
    assert [line for line in installs if not by_it.search(line)] == []


def test_make_installs_by_these_alone():
    """But for `make lock`, which makes the constraints anew."""
    made = re.findall(r"\bpip install .*", (ROOT / "Makefile").read_text())

    assert made == ["pip install -e '.[dev,release]' -e ./client uv; \\"]
