"""Setting up: which build of torch, what is said meanwhile, and what make runs again."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ops import install_torch as torches
from ops.install_torch import Build, install_torch, places_of_pip
from ops.pip_progress import Progress

ROOT = Path(__file__).parents[2]
VERSION = next(
    line.removeprefix("torch==")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line.startswith("torch==")
)
CPU = Build(f"{VERSION}+cpu", {})
CUDA = Build(f"{VERSION}+cu130", {"cuda": "13.0"})


@pytest.fixture
def asked_of(monkeypatch):
    """What is asked of pip and of uv, in place of doing it; what is there before and after."""
    asked: list[str] = []
    there: list[Build | None] = []
    monkeypatch.setattr(torches, "installed", lambda _: there.pop(0))

    def note(way: str) -> int:
        asked.append(way)
        return 0

    monkeypatch.setattr(torches, "_by_pip", lambda again: note("pip"))
    monkeypatch.setattr(torches, "_by_uv", lambda python, build: note(f"uv {build}"))
    return asked, there


@pytest.mark.parametrize(
    ("asked", "fitting"),
    [
        ("auto", [CPU, CUDA]),
        ("cpu", [CPU]),
        ("cuda", [CUDA]),
        ("cu130", [CUDA]),
        ("cu126", []),
        ("rocm6.4", []),
        ("xpu", []),
    ],
)
def test_a_build_that_is_named_is_the_one_that_counts(asked, fitting):
    assert [build for build in (CPU, CUDA) if build.fits(asked)] == fitting


def test_another_version_than_the_constraints_never_fits():
    assert not Build("1.0.0+cpu", {}).fits("auto")


@pytest.mark.parametrize(
    ("configuration", "places"),
    [
        ("global.cert='/a.pem'\n:env:.default-timeout='180'\n", []),
        (":env:.find-links='/wheels'\n:env:.index-url=''\n", ["find-links"]),
        ("global.index-url='https://mirror/simple'\n", ["index-url"]),
        ("install.extra-index-url='file:///a file:///b'\n", ["extra-index-url"]),
        ("download.index-url='https://elsewhere'\n", []),
    ],
)
def test_pip_is_told_where_to_look_by_its_own_settings_alone(configuration, places):
    assert places_of_pip(configuration) == places


@pytest.mark.parametrize(
    ("build", "mirror", "way"),
    [
        ("auto", "", "uv auto"),
        ("auto", "/wheels", "pip"),
        ("cpu", "/wheels", "uv cpu"),  # who names a build gets it from where PyTorch has it
        ("cuda", "", "pip"),
        ("auto-cpu", "", "uv cpu"),  # an image: whatever GPU the machine has that builds it
        ("auto-cpu", "/wheels", "pip"),
    ],
)
def test_pip_where_it_was_told_where_to_look_and_uv_elsewhere(
    asked_of, monkeypatch, capsys, build, mirror, way
):
    asked, there = asked_of
    there += [None, CUDA if build == "cuda" else CPU]
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in torches.PLACES:
        monkeypatch.delenv(f"PIP_{name.replace('-', '_').upper()}", raising=False)
    if mirror:
        monkeypatch.setenv("PIP_FIND_LINKS", mirror)

    assert install_torch(build) == 0
    assert asked == [way]
    assert ("told where to look by find-links" in capsys.readouterr().out) == (
        mirror != "" and way == "pip"
    )


def test_nothing_is_done_where_a_build_that_fits_is_there(asked_of, capsys):
    asked, there = asked_of
    there += [CPU]

    assert install_torch("auto") == 0
    assert (asked, capsys.readouterr().out) == ([], "")


def test_what_came_instead_of_what_was_named_is_an_error(asked_of, capsys):
    _, there = asked_of
    there += [None, CPU]

    assert install_torch("cuda") != 0
    said = capsys.readouterr().err
    assert said == f"TORCH=cuda was asked for, and what came is torch {VERSION}+cpu, " + (
        "the build for CPUs\n"
    )


def test_a_build_that_nobody_has_is_refused_before_anything_is_asked(asked_of, capsys):
    asked, _ = asked_of

    assert install_torch("gpu") == 2
    assert asked == []
    assert "'gpu'" in capsys.readouterr().err


def test_the_build_that_is_installed_is_read_without_importing_it():
    build = torches.installed(sys.executable)

    assert build is not None
    assert build.version.partition("+")[0] == VERSION


def test_progress_names_packages_sizes_and_steps(capsys):
    progress = Progress(terminal=False)
    said = []
    for line in (
        "Collecting torch==2.13.0 (from fff-serve)\n",
        "  Downloading torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl (191.8 MB)\n",
        "Installing collected packages: mpmath, torch\n",
    ):
        progress.read(line)
        said.append(progress.now)

    assert said == [
        "package 1, torch",
        "package 1, downloading torch (191.8 MB)",
        "unpacking 2 packages",
    ]
    progress.show()
    assert capsys.readouterr().out.endswith("s: unpacking 2 packages\n")


def test_of_what_pip_complains_about_errors_alone_go_out(capsys):
    progress = Progress(terminal=False)
    progress.read_complaint("WARNING: Location 'x' is ignored\n")
    progress.read_complaint("WARNING: Retrying (Retry(total=4)) after connection broken\n")
    progress.read_complaint("ERROR: No matching distribution found for torch\n")

    assert capsys.readouterr().err == "ERROR: No matching distribution found for torch\n"
    assert progress.now.startswith("WARNING: Retrying")


def checkout(folder: Path, *stamps: str) -> Path:
    """A Makefile in a folder where these are installed already, with a Python that only says so."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "client/pyproject.toml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
        os.utime(folder / name, (0, 0))
    (folder / ".venv/bin").mkdir(parents=True)
    for name in ("python", "fff-serve"):
        program = folder / ".venv/bin" / name
        program.write_text(
            f'#!/bin/sh\necho "{name} $*"; echo "grpc at ${{FFF_GRPC_PORT:-none}}"\n'
        )
        program.chmod(0o755)
    for stamp in stamps:
        (folder / ".venv" / stamp).touch()
    return folder


def make(folder: Path, *arguments: str) -> list[str]:
    clean = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "HOST")}
    done = subprocess.run(
        ["make", *arguments], cwd=folder, env=clean, capture_output=True, text=True, check=True
    )
    return [line for line in done.stdout.splitlines() if "grpc at none" not in line]


INSTALLED = (".torch-auto", ".serve")


def test_make_installs_torch_first_and_all_extras_at_once(tmp_path):
    done = make(checkout(tmp_path), "install", "EXTRAS=grpc,otel", "TORCH=cpu")

    assert done[0] == "python -m ops.install_torch cpu"
    assert done[1] == "python -m ops.install --stamps .venv grpc otel"


def test_make_installs_nothing_twice(tmp_path):
    folder = checkout(tmp_path, *INSTALLED, ".grpc")

    assert make(folder, "install") == []
    assert make(folder, "install", "EXTRAS=grpc") == []
    assert make(folder, "serve") == ["fff-serve serve"]


def test_make_installs_an_extra_that_is_new(tmp_path):
    folder = checkout(tmp_path, *INSTALLED, ".grpc")

    assert make(folder, "install", "EXTRAS=grpc,otel") == [
        "python -m ops.install --stamps .venv otel"
    ]


def test_another_build_of_torch_is_installed_alone_and_stays(tmp_path):
    folder = checkout(tmp_path, *INSTALLED)

    assert make(folder, "install", "TORCH=cpu") == ["python -m ops.install_torch cpu"]
    assert make(folder, "install") == []
    assert make(folder, "install", "TORCH=cu126") == ["python -m ops.install_torch cu126"]
    assert make(folder, "install", "TORCH=cpu") == ["python -m ops.install_torch cpu"]


def test_make_serve_passes_settings_on(tmp_path):
    folder = checkout(tmp_path, *INSTALLED)

    assert make(folder, "serve", "PORT=1", "HOST=::1", "STORE=s", "FFF_GRPC_PORT=2") == [
        "fff-serve serve --host ::1 --port 1 --store s",
        "grpc at 2",
    ]


def test_an_extra_that_is_not_there_is_refused_with_those_that_are():
    done = subprocess.run(
        [sys.executable, "-m", "ops.install", "grcp"], cwd=ROOT, capture_output=True, text=True
    )

    assert done.returncode == 2
    assert "no extra grcp; there are train, load," in done.stderr
