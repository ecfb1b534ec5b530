"""
Wheel, sdist and client wheel, built from a copy of what is committed, so that nothing that lies in
the checkout enters them: no model, no cache, no list of files of an earlier build.
"""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

from ops.release.archives import make_reproducible
from ops.release.checks import git
from ops.release.errors import ReleaseRefused
from ops.release.project import Project


def export(project: Project, folder: Path) -> Project:
    """A copy of HEAD in an empty folder."""
    archive = folder / "head.tar"
    git(project, "archive", "--output", str(archive), "HEAD")
    with tarfile.open(archive) as files:
        files.extractall(folder / "source", filter="data")
    return Project(folder / "source")


def build(source: Project, out: Path, epoch: int, isolated: bool = True) -> dict[str, Path]:
    """
    Build the three archives.

    Args:
        source: A copy of the checkout, which builds may write to.
        out: Folder for the archives.
        epoch: The time of every file in them, seconds since 1970; the same source and time give the
            same bytes.
        isolated: Whether pip gets the build backend first; without, the installed one builds.

    Raises:
        ReleaseRefused: If a build fails, with the end of its log.
    """
    how = [] if isolated else ["--no-isolation"]
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(epoch), "PYTHONPATH": ""}
    # The wheel from the tree and not from the sdist, which would hide what `pip wheel .` takes in.
    both = ("--sdist", "--wheel")
    for folder, kinds in ((source.root, both), (source.root / "client", ("--wheel",))):
        run([sys.executable, "-m", "build", *how, *kinds, "-o", str(out), str(folder)], environment)
    made = {kind: out / name for kind, name in source.archives().items()}
    make_reproducible(made["sdist"], epoch)
    return made


def run(command: list[str], environment: dict[str, str] | None = None) -> str:
    """
    What a command prints on standard output.

    Raises:
        ReleaseRefused: If it fails, with the last lines it printed.
    """
    # Outside the checkout: there `python -m build` would find a folder of that name.
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/")
    if done.returncode != 0:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-10:])
        raise ReleaseRefused(f"{' '.join(command[:4])} ended with {done.returncode}:\n{last}")
    return done.stdout
