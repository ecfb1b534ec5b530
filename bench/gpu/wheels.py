"""
`python -m bench.gpu.wheels DIR`: whether what travels to a GPU machine is complete.

Every line of `wheels.txt` must be a wheel in the folder, and everything that a wheel, or the
project with its `gpu` extra, asks for must be in `wheels.txt`, in a version that it allows, or
in `image.txt`, whose versions are not known here. `fetch_wheels.sh` downloads, then asks this.

Not covered:  what extras of those packages would ask for.
"""

import argparse
import sys
import tomllib
from collections.abc import Iterable
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

HERE = Path(__file__).parent
# Of the machine that the wheels are for; the rest of what a marker may ask is the same here.
_THERE = {"python_version": "3.12", "python_full_version": "3.12.3", "extra": ""}
_MOST_BYTES = 64 << 20  # that one call may carry there, the repository included


def pinned(text: str) -> dict[str, str]:
    """Versions by canonical name, of lines `NAME==VERSION`; what follows a `#` is a comment."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    pairs = (line.split("==") for line in lines if line)
    return {canonicalize_name(name): version for name, version in pairs}


def on_the_image(text: str) -> set[str]:
    """Canonical names, of lines that are a name or a comment."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return {canonicalize_name(line) for line in lines if line}


def project_asks_for(pyproject: Path) -> list[Requirement]:
    """Requirements of the service and its `gpu` extra."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["gpu"]]
    return [Requirement(line) for line in lines]


def wheel_asks_for(wheel: Path) -> list[Requirement]:
    """Requirements of a wheel, without its extras'."""
    with ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    asked = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]
    return [r for r in asked if r.marker is None or r.marker.evaluate(_THERE)]


def unmet(asked: Iterable[Requirement], carried: dict[str, str], there: set[str]) -> list[str]:
    """Requirements that neither what is carried nor what is there meets."""
    bad = []
    for requirement in asked:
        name = canonicalize_name(requirement.name)
        version = carried.get(name)
        if not requirement.specifier.contains(version) if version else name not in there:
            bad.append(f"{requirement} (carried: {version})")
    return bad


def faults(folder: Path) -> list[str]:
    """What is wrong with a folder of wheels, in words; empty if nothing is."""
    carried = pinned((HERE / "wheels.txt").read_text())
    there = on_the_image((HERE / "image.txt").read_text())
    wheels = sorted(folder.glob("*.whl"))
    found = {name: str(version) for name, version, *_ in map(_named, wheels)}
    bad = [f"not in {folder}: {n}=={carried[n]}" for n in carried if found.get(n) != carried[n]]
    asked = {"fff-serve": project_asks_for(HERE.parents[1] / "pyproject.toml")}
    asked |= {wheel.name: wheel_asks_for(wheel) for wheel in wheels}
    bad += [f"{who} needs {what}" for who in asked for what in unmet(asked[who], carried, there)]
    if (size := sum(wheel.stat().st_size for wheel in wheels)) > _MOST_BYTES:
        bad.append(f"{size} bytes are more than {_MOST_BYTES}")
    return bad


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser("python -m bench.gpu.wheels", description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    bad = faults(folder)
    for fault in bad:
        print(f"bench.gpu.wheels: {fault}", file=sys.stderr)
    sizes = [wheel.stat().st_size for wheel in folder.glob("*.whl")]
    print(f"{len(sizes)} wheels, {sum(sizes):,} bytes, {len(bad)} faults")
    return 1 if bad else 0


def _named(wheel: Path) -> tuple[str, object]:
    name, version, *_ = parse_wheel_filename(wheel.name)
    return name, version


if __name__ == "__main__":
    sys.exit(main())
