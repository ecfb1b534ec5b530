"""
What the checkout says of itself: version, URLs, names.

The version stands in `pyproject.toml`. The client's pyproject.toml repeats it, and what is
installed has it as metadata, which the service, its command line and the image's label read. URLs
stand in `[project.urls]` of `pyproject.toml`, and the client's repeat them.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVICE, CLIENT = "pyproject.toml", "client/pyproject.toml"


@dataclass(frozen=True, slots=True)
class Project:
    """A checkout, or a copy of one."""

    root: Path

    def table(self, file: str = SERVICE) -> dict[str, Any]:
        """`[project]` of one of the two distributions."""
        project: dict[str, Any] = tomllib.loads((self.root / file).read_text())["project"]
        return project

    @property
    def version(self) -> str:
        version: str = self.table()["version"]
        return version

    @property
    def changelog(self) -> str:
        return (self.root / "CHANGELOG.md").read_text(encoding="utf-8")

    def archives(self) -> dict[str, str]:
        """File names of what is built: `wheel`, `sdist` and `client`."""
        return {
            "wheel": f"fff_serve-{self.version}-py3-none-any.whl",
            "sdist": f"fff_serve-{self.version}.tar.gz",
            "client": f"fff_client-{self.version}-py3-none-any.whl",
        }
