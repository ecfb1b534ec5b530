"""A tree that is not fit to be released is refused, with what is wrong with it."""

import subprocess
from datetime import date, timedelta
from pathlib import Path

import pytest

from ops.release.__main__ import main
from ops.release.checks import CHECKS
from ops.release.errors import ReleaseRefused
from ops.release.project import Project

URLS = "".join(
    f'{name} = "https://example.org/{name}"\n'
    for name in ("Homepage", "Repository", "Issues", "Changelog")
)
PYPROJECT = f'[project]\nname = "fff-serve"\nversion = "1.2.3"\n[project.urls]\n{URLS}'
CHANGELOG = "# Changelog\n\n## Unreleased\n\n## 1.2.3 - 2026-11-27\n\n- A line.\n"
IMAGE = f"FROM python:3.11@sha256:{'a' * 64} AS runtime\nFROM runtime AS service\n"


def git(root: Path, *arguments: str) -> None:
    names = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *names, *arguments], cwd=root, check=True, capture_output=True)


def commit(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-qm", "All", "--allow-empty")


@pytest.fixture
def fit(tmp_path: Path) -> Path:
    """A tree that may be released."""
    (tmp_path / "client").mkdir()
    for file in ("pyproject.toml", "client/pyproject.toml"):
        (tmp_path / file).write_text(PYPROJECT)
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / "Dockerfile").write_text(IMAGE)
    git(tmp_path, "init", "-q", "-b", "main")
    commit(tmp_path)
    return tmp_path


def test_a_fit_tree_passes_every_check(fit, capsys):
    assert main(["check"], fit) == 0
    assert capsys.readouterr().out.count("ok  ") == len(CHECKS)


def replaced(file: str, old: str, new: str):
    def change(root: Path) -> None:
        text = (root / file).read_text()
        assert old in text
        (root / file).write_text(text.replace(old, new))

    return change


TOMORROW = str(date.today() + timedelta(days=2))


@pytest.mark.parametrize(
    ("check", "change", "words"),
    [
        ("one version", replaced("client/pyproject.toml", "1.2.3", "1.2.4"), "1.2.4"),
        ("dated changelog", replaced("CHANGELOG.md", "## 1.2.3", "## 1.2.2"), "1.2.2"),
        ("dated changelog", replaced("CHANGELOG.md", "Unreleased\n", "Unreleased\n\n- x\n"), "emp"),
        ("dated changelog", replaced("CHANGELOG.md", " - 2026-11-27", ""), "YYYY-MM-DD"),
        ("dated changelog", replaced("CHANGELOG.md", "2026-11-27", TOMORROW), "today"),
        ("URLs set", replaced("pyproject.toml", "https://example.org/Issues", ""), "Issues"),
        ("URLs set", replaced("client/pyproject.toml", "example.org/I", "example.com/I"), "client"),
        ("base image pinned", replaced("Dockerfile", f"@sha256:{'a' * 64}", ""), "python:3.11"),
        ("clean tree", lambda root: (root / "stray.txt").touch(), "stray.txt"),
        ("on main", lambda root: git(root, "switch", "-qc", "other"), "other"),
        ("version is new", lambda root: git(root, "tag", "v1.2.3"), "v1.2.3"),
    ],
)
def test_what_is_not_fit_is_refused(fit, check, change, words):
    change(fit)

    with pytest.raises(ReleaseRefused, match=words):
        CHECKS[check](Project(fit))


def test_nothing_is_built_from_a_tree_that_is_refused(fit, capsys):
    (fit / "stray.txt").touch()

    assert main(["build", "--out", str(fit / "dist")], fit) == 1
    assert "FAILED  clean tree: everything must be committed" in capsys.readouterr().out
    assert not (fit / "dist").exists()
