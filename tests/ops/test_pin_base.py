"""The base image's digest: looked up by the user's own tool, written to one line, or refused."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DIGEST = "sha256:" + "0f" * 32


def pin(folder: Path, *arguments: str, said: str = "") -> tuple[int, str, str]:
    """Run it on a copy of the Dockerfile, with a docker that says this: code, error, base."""
    dockerfile, docker = folder / "Dockerfile", folder / "docker"
    if not dockerfile.exists():
        text = (ROOT / "Dockerfile").read_text()
        dockerfile.write_text(re.sub(r"(ARG PYTHON_IMAGE=[^@\s]+)@\S+", r"\1", text))
    docker.write_text(f"#!/bin/sh\n[ $2 = version ] || echo '{said}'\n")
    docker.chmod(0o755)
    done = subprocess.run(
        ["bash", ROOT / "ops/pin-base.sh", *arguments],
        env={"PATH": f"{folder}:{os.environ['PATH']}", "DOCKERFILE": str(dockerfile)},
        capture_output=True,
        text=True,
    )
    (base,) = re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", dockerfile.read_text(), re.M)
    return done.returncode, done.stderr, base


@pytest.fixture(autouse=True)
def bash() -> None:
    assert shutil.which("bash")


def test_the_digest_is_written_once_and_renewed(tmp_path):
    renewed = DIGEST.replace("0f", "a1")

    assert pin(tmp_path, said=DIGEST) == (0, "", f"python:3.11-slim@{DIGEST}")
    assert pin(tmp_path, said=renewed) == (0, "", f"python:3.11-slim@{renewed}")


def test_what_is_no_digest_is_not_written(tmp_path):
    code, error, base = pin(tmp_path, said="toomanyrequests")

    assert (code, base) == (1, "python:3.11-slim")
    assert "toomanyrequests" in error


def test_a_release_is_refused_until_it_is_pinned(tmp_path):
    code, error, _ = pin(tmp_path, "--check")
    assert (code, "make pin-base" in error) == (1, True)

    pin(tmp_path, said=DIGEST)
    assert pin(tmp_path, "--check")[0] == 0
