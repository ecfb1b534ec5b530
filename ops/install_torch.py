"""
Install the build of torch that fits the machine: the one place that chooses it.

    python -m ops.install_torch auto    # where no NVIDIA driver is seen, the build for CPUs
    python -m ops.install_torch cpu     # 192 MB to download, nothing of CUDA
    python -m ops.install_torch cuda    # what plain pip takes: on Linux, CUDA's build
    python -m ops.install_torch cu130   # one of PyTorch's own builds: cu126, rocm6.4, xpu, ...
    python -m ops.install_torch auto-cpu  # for an image: as auto, and no GPU that is here counts

Plain pip takes CUDA's build from the public index, over 1.2 GB more, GPU or not. PyTorch's other
builds are on indexes of its own, which uv knows; so uv installs torch, and pip the rest. With
`auto` and `auto-cpu`, pip that has been told where to look (a mirror, a folder of wheels) is left
to look there.

It installs into the Python that runs it, or into the one that PIP_PYTHON names, and compares what
has come with what was asked for.

Covered:      which build, from where, and whether it has come.
Not covered:  every other package (`ops.install`).
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from ops.pip_progress import PIP, run_pip

ROOT = Path(__file__).parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
BUILDS = re.compile(r"auto|auto-cpu|cpu|cuda|cu\d+|rocm[\d.]+|xpu")
PLACES = ("index-url", "extra-index-url", "find-links", "no-index")
"""pip's settings that say where it looks."""
_SECTIONS = ("global", "install", ":env:")  # of pip's configuration, what `pip install` reads
_READ_BUILD = """
import importlib.util, runpy
if found := importlib.util.find_spec("torch"):
    said = runpy.run_path(found.submodule_search_locations[0] + "/version.py")
    kinds = ("cuda", "hip", "xpu")
    print(said["__version__"], *(f"{kind}={said[kind]}" for kind in kinds if said.get(kind)))
"""  # without importing torch, which takes seconds


class Build(NamedTuple):
    """A torch that is installed: its version, and of `cuda`, `hip` and `xpu` what it is for."""

    version: str
    accelerators: dict[str, str]

    def fits(self, asked: str) -> bool:
        """Whether it is the version of the constraints, and what was asked for."""
        exact = re.search(r"^torch==(\S+)", CONSTRAINTS.read_text(), re.MULTILINE)
        if exact is not None and self.version.partition("+")[0] != exact[1]:
            return False
        if asked == "cpu":
            return not self.accelerators
        if asked.startswith("cu"):
            number = self.accelerators.get("cuda", "").replace(".", "")
            return bool(number) and asked in ("cuda", f"cu{number}")
        kind = "hip" if asked.startswith("rocm") else asked
        return asked == "auto" or kind in self.accelerators

    def __str__(self) -> str:
        what = ", ".join(f"{kind} {version}" for kind, version in self.accelerators.items())
        return f"torch {self.version}, the build for {what or 'CPUs'}"


def installed(python: str) -> Build | None:
    """The torch of a Python; None if it has none."""
    done = subprocess.run([python, "-c", _READ_BUILD], capture_output=True, text=True, check=True)
    if not done.stdout:
        return None
    version, *accelerators = done.stdout.split()
    return Build(version, dict(each.split("=", 1) for each in accelerators))


def places_of_pip(configuration: str) -> list[str]:
    """Which settings say where to look, in what `pip config list` prints; empty ones do not."""
    found = re.findall(r"^(\S+)\.([\w-]+)='(.+)'$", configuration, re.MULTILINE)
    names = {name for section, name, _ in found if section in _SECTIONS}
    return [name for name in PLACES if name in names]


def install_torch(asked: str) -> int:
    """
    Install the build, unless it is there; and say which in a line or two.

    Returns:
        An exit code: 0 if what was asked for is there now.
    """
    if not BUILDS.fullmatch(asked):
        return _refuse(f"TORCH must be auto, cpu, cuda, cu130, rocm6.4, xpu or the like: {asked!r}")
    python = os.environ.get("PIP_PYTHON") or sys.executable
    places = _places() if asked.startswith("auto") else []
    if asked == "auto-cpu":  # the machine that builds an image is not the one that runs it
        asked = "auto" if places else "cpu"
    before = installed(python)
    if before is not None and before.fits(asked):
        return 0
    if asked == "cuda" or places:
        told = f"pip is told where to look by {', '.join(places)}" if places else "asked for"
        print(f"Installing torch by plain pip ({told})", flush=True)
        code = _by_pip(again=before is not None)
    else:
        print(f"Installing torch by uv: PyTorch's build {asked!r}", flush=True)
        code = _by_uv(python, asked)
    return code or _judge(installed(python), asked)


def _places() -> list[str]:
    done = subprocess.run([*PIP, "config", "list"], capture_output=True, text=True)
    return places_of_pip(done.stdout)


def _by_pip(again: bool) -> int:
    force = ["--force-reinstall"] if again else []
    return run_pip([*force, "-c", str(CONSTRAINTS), "torch"])


def _by_uv(python: str, asked: str) -> int:
    """Install by a uv of our own, which is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        if code := run_pip(["--target", folder, "-c", str(CONSTRAINTS), "uv"]):
            return code
        uv = [f"{folder}/bin/uv", "pip", "install", "--python", python]
        uv += ["--torch-backend", asked, "--reinstall-package", "torch"]
        code = subprocess.run([*uv, "-c", str(CONSTRAINTS), "torch"]).returncode
    return code and _refuse("uv found no such build; TORCH=cpu and TORCH=cuda are others")


def _judge(build: Build | None, asked: str) -> int:
    if build is None or not build.fits(asked):
        return _refuse(f"TORCH={asked} was asked for, and what came is {build or 'nothing'}")
    other = "TORCH=cpu takes the one for CPUs" if build.accelerators else "TORCH=cuda takes CUDA's"
    print(f"Installed {build} ({other})", flush=True)
    return 0


def _refuse(why: str) -> int:
    print(why, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(install_torch(*sys.argv[1:2] or ["auto"]))
