"""
`python -m ops.release check | build [--dry-run] [--out dist]`: every step printed, ok or failed.

`check` looks at the tree alone, in seconds. `build` makes and tries what is to be published, in
minutes, and stops at what fails. `--dry-run` builds whatever the tree is like, from HEAD, into a
folder that is thrown away, and ends with exit code 1 if anything failed.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ops.release.archives import check_sdist, check_wheel
from ops.release.build import build, export, run
from ops.release.checks import CHECKS, git
from ops.release.errors import ReleaseRefused
from ops.release.project import Project
from ops.release.trial import bill_of_materials, install, predict

BY_HAND = """
Now by hand, from {out}:
  sign    gpg --armor --detach-sign SHA256SUMS
  tag     git tag --sign v{version} && git push origin v{version}
  upload  python -m twine upload fff_serve-* fff_client-*
  image   push it, and sign its digest: cosign sign IMAGE@sha256:…
  last    CHANGELOG.md: go on under Unreleased; both pyproject.toml: the next version"""


class Steps:
    """Runs steps, prints each, and remembers whether one failed."""

    failed = False

    def run(self, name: str, step: Callable[[], str]) -> bool:
        """Whether the step went well."""
        try:
            found = step()
        except ReleaseRefused as exc:
            print(f"FAILED  {name}: {exc}", flush=True)
            self.failed = True
            return False
        print(f"ok      {name}: {found}", flush=True)
        return True


def check(project: Project, steps: Steps) -> bool:
    """Run every check of the tree, also after one that failed."""
    return all([steps.run(name, partial(found, project)) for name, found in CHECKS.items()])


def make(project: Project, out: Path, steps: Steps) -> bool:
    """Build, check, install and try what is published, up to the first failure."""
    with tempfile.TemporaryDirectory(prefix="fff-release-") as name:
        folder, archives = Path(name), {k: out / v for k, v in project.archives().items()}
        python, home = folder / "venv/bin/python", folder / "home"
        home.mkdir()
        todo: list[tuple[str, Callable[[], str]]] = [
            ("build", lambda: _build(project, folder, out)),
            ("contents of the wheel", lambda: check_wheel(archives["wheel"])),
            ("contents of the client", lambda: check_wheel(archives["client"], {"fff_client"})),
            ("contents of the sdist", lambda: check_sdist(archives["sdist"])),
            ("what the index shows", lambda: _index(archives)),
            ("install", lambda: str(install(archives, _constraints(project), folder / "venv"))),
            ("prediction", lambda: predict(python, home)),
            ("SBOM", lambda: bill_of_materials(python, out, _bill(project))),
            ("image", lambda: image(project)),
            ("checksums", lambda: checksums(out)),
        ]
        return all(steps.run(name, step) for name, step in todo)


def _constraints(project: Project) -> Path:
    return project.root.resolve() / "constraints.txt"


def _bill(project: Project) -> str:
    return f"fff-serve-{project.version}.cdx.json"


def _build(project: Project, folder: Path, out: Path) -> str:
    if out.exists() and any(out.iterdir()):
        raise ReleaseRefused(f"{out} must be empty: what lies there would be published too")
    epoch = int(git(project, "log", "-1", "--format=%ct"))
    made = build(export(project, folder), out.resolve(), epoch)
    return ", ".join(path.name for path in made.values())


def _index(archives: dict[str, Path]) -> str:
    files = [str(path.resolve()) for path in archives.values()]
    run([sys.executable, "-m", "twine", "check", "--strict", *files])
    return "twine check --strict"


def image(project: Project) -> str:
    """Build the image with docker or podman; where there is neither, say so."""
    engine = next((name for name in ("docker", "podman") if _works(name)), None)
    if engine is None:
        return "SKIPPED, neither docker nor podman works here: build it by hand"
    labels = {
        "VERSION": project.version,
        "REVISION": git(project, "rev-parse", "HEAD"),
        "SOURCE": project.table().get("urls", {}).get("Repository", "unknown"),
    }
    options = [part for key, value in labels.items() for part in ("--build-arg", f"{key}={value}")]
    tag = f"fff-serve:{project.version}"
    run([engine, "build", *options, "--tag", tag, str(project.root.resolve())])
    return f"{tag} by {engine}"


def _works(engine: str) -> bool:
    """Whether it is installed, and not only a command whose daemon is elsewhere."""
    if shutil.which(engine) is None:
        return False
    return subprocess.run([engine, "info"], capture_output=True).returncode == 0


def checksums(out: Path) -> str:
    """Write SHA256SUMS over everything that was made."""
    files = sorted(path for path in out.iterdir() if path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.name}\n" for f in files]
    (out / "SHA256SUMS").write_text("".join(lines))
    return f"SHA256SUMS of {len(files)} files"


def main(arguments: list[str] | None = None, root: Path = Path()) -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m ops.release", description=__doc__)
    parser.add_argument("command", choices=["check", "build"])
    parser.add_argument("--dry-run", action="store_true", help="build whatever the checks say")
    parser.add_argument("--out", type=Path, default=Path("dist"), help="folder for what is built")
    given = parser.parse_args(arguments)
    steps, project = Steps(), Project(root)
    fit = check(project, steps)
    if given.command == "build" and given.dry_run:
        with tempfile.TemporaryDirectory(prefix="fff-dry-run-") as name:
            make(project, Path(name), steps)
    elif given.command == "build" and fit and make(project, given.out, steps):
        print(BY_HAND.format(out=given.out, version=project.version))
    return int(steps.failed)


if __name__ == "__main__":
    sys.exit(main())
