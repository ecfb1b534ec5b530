"""What travels to a GPU machine: the versions that everything else is tested with, and complete."""

import re
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

from bench.gpu import wheels

ROOT = Path(__file__).parents[3]
CARRIED = wheels.pinned((wheels.HERE / "wheels.txt").read_text())
THERE = wheels.on_the_image((wheels.HERE / "image.txt").read_text())


def wheel(folder: Path, name: str, version: str, *asks_for: str) -> Path:
    """An empty wheel."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    with ZipFile(path, "w") as archive:
        metadata = "\n".join([*lines, *(f"Requires-Dist: {line}" for line in asks_for)])
        archive.writestr(f"{name}-{version}.dist-info/METADATA", metadata)
    return path


def test_every_version_is_the_one_that_an_install_here_takes() -> None:
    constraints = wheels.pinned((ROOT / "constraints.txt").read_text())

    assert CARRIED
    assert {name: constraints.get(name) for name in CARRIED} == CARRIED


def test_nothing_is_carried_that_the_image_has() -> None:
    assert CARRIED.keys() & THERE == set()


def test_what_the_service_asks_for_is_carried_or_there() -> None:
    asked = wheels.project_asks_for(ROOT / "pyproject.toml")

    assert {r.name for r in asked} >= {"torch", "fastapi", "triton"}
    assert wheels.unmet(asked, CARRIED, THERE) == []


@pytest.mark.parametrize(
    ("line", "carried"),
    [
        pytest.param("absent>=1", {}, id="neither-carried-nor-there"),
        pytest.param("a>=2", {"a": "1.0"}, id="carried-in-a-version-that-is-refused"),
    ],
)
def test_a_requirement_that_is_not_met_is_named(line: str, carried: dict[str, str]) -> None:
    (fault,) = wheels.unmet([Requirement(line)], carried, {"b"})

    assert fault.startswith(line)


def test_a_wheel_is_asked_as_python_3_12_on_linux_would_and_without_extras(tmp_path: Path) -> None:
    path = wheel(
        tmp_path,
        "a",
        "1",
        "b>=1",
        "old; python_version < '3.12'",
        "new; python_version >= '3.12'",
        "optional; extra == 'more'",
        "other; sys_platform == 'win32'",
    )

    assert [r.name for r in wheels.wheel_asks_for(path)] == ["b", "new"]


def test_a_folder_that_lacks_a_wheel_fails_and_says_which(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, version in CARRIED.items():
        wheel(tmp_path, name.replace("-", "_"), version)
    assert wheels.main([str(tmp_path)]) == 0

    (tmp_path / f"fastapi-{CARRIED['fastapi']}-py3-none-any.whl").unlink()

    assert wheels.main([str(tmp_path)]) == 1
    assert f"fastapi=={CARRIED['fastapi']}" in capsys.readouterr().err


def test_the_script_takes_the_list_and_names_no_host() -> None:
    script = (wheels.HERE / "fetch_wheels.sh").read_text()

    assert "--requirement bench/gpu/wheels.txt" in script
    assert re.findall(r"\w+://|index-url|find-links", script) == []
