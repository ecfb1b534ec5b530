"""
Install the service into the environment of the Python that runs this, and say how far it is.

    python -m ops.install --stamps .venv [EXTRA ...]

Covered:      the project, its extras, the client for the tests; a stamp for each extra that is
              there now, which make looks for.
Not covered:  the environment itself, which make makes; torch, which `ops.install_torch` installs
              before, so that pip finds a build that fits.
"""

import argparse
import re
import sys
import time
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from ops.install_torch import CONSTRAINTS, ROOT
from ops.pip_progress import run_pip


def extras_of_project() -> dict[str, list[str]]:
    """What each extra asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    return extras


def within(wanted: Iterable[str], extras: Mapping[str, list[str]]) -> set[str]:
    """Those extras and whatever extras these ask for: `dev` has `test`, which has `grpc`."""
    found = set(wanted)
    for line in [line for extra in found for line in extras[extra]]:
        if named := re.match(r"fff-serve\[([\w,-]+)\]", line):
            found |= within(named[1].split(","), extras)
    return found


def main() -> int:
    """Install; the exit code is pip's, or 2 for an extra that the project does not have."""
    parser = argparse.ArgumentParser(prog="ops.install")
    parser.add_argument("--stamps", type=Path, default=Path(sys.prefix))
    parser.add_argument("extra", nargs="*")
    options = parser.parse_args()
    extras, began_s = extras_of_project(), time.monotonic()
    if unknown := [extra for extra in options.extra if extra not in extras]:
        parser.error(f"no extra {', '.join(unknown)}; there are {', '.join(extras)}")
    here = within(options.extra, extras)
    asked = ",".join(options.extra)
    print(f"Installing fff-serve{f'[{asked}]' if asked else ''} into {sys.prefix}", flush=True)
    client = ["-e", "./client"] if "test" in here else []
    if code := run_pip(["-c", str(CONSTRAINTS), "-e", f".[{asked}]" if asked else ".", *client]):
        return code
    for name in ("serve", *here):
        (options.stamps / f".{name}").touch()
    print(f"Installed in {time.monotonic() - began_s:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
