"""
What may be in a wheel and an sdist, and what must be.

Covered:      names of files; the demo models and no other; nothing that lay about.
Not covered:  whether it runs (`ops.release.trial`).
"""

import gzip
import io
import re
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from ops.release.errors import ReleaseRefused

PACKAGES = {"fff", "networks", "model_store", "evaluation", "training", "service"}
DEMO = {
    f"model_store/demo/{model}/1/{file}"
    for model in ("digits", "digits-dense", "terrain", "terrain-fourier", "terrain-raster")
    for file in ("manifest.json", "model.safetensors")
}
SDIST_HAS = {
    "tests/test_readme.py", "docs/architecture.md", "examples/notebook.ipynb", "CHANGELOG.md",
    "LICENSE", "Makefile", "constraints.txt", "Dockerfile", ".ci/run", "client/pyproject.toml",
    "bench/kernels/__main__.py", "loadtest/locustfile.py", "ops/prometheus/prometheus.yml",
}  # fmt: skip
_LITTER = re.compile(
    r"(^|/)(__pycache__|\.ipynb_checkpoints|\.git|\.venv|build|dist|\.DS_Store)(/|$)"
    r"|\.py[cod]$|~$|(^|/)\.coverage|loadtest/results/"
)
_FOREIGN_INFO = re.compile(r"\.egg-info(/|$)")
_MODEL = re.compile(r"\.(safetensors|pt|pth|bin|npz|onnx)$|(^|/)manifest\.json$")


def names_in(archive: Path) -> set[str]:
    """Names of the files in a wheel, or in an sdist without its outer folder."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return {name for name in wheel.namelist() if not name.endswith("/")}
    with tarfile.open(archive) as sdist:
        return {member.name.partition("/")[2] for member in sdist if member.isfile()}


def check_wheel(archive: Path, packages: Iterable[str] = PACKAGES) -> str:
    """
    Packages of ours and the demo models alone.

    Raises:
        ReleaseRefused: Naming what is too much or missing.
    """
    names = names_in(archive)
    tops = {name.partition("/")[0] for name in names}
    extra = {top for top in tops - {*packages} if not top.endswith(".dist-info")}
    _refuse(archive, "must not have", extra)
    _refuse(archive, "must not have", {n for n in names if _FOREIGN_INFO.search(n)})
    _check_models(archive, names, DEMO if "model_store" in packages else set())
    _refuse(archive, "lacks", {*packages} - tops)
    _refuse(archive, "lacks", {"LICENSE"} - {name.rpartition("/")[2] for name in names})
    return f"{len(names)} files, {archive.stat().st_size:,} bytes"


def check_sdist(archive: Path) -> str:
    """
    The source with tests, docs and examples, the demo models, and nothing that lay about.

    Raises:
        ReleaseRefused: Naming what is too much or missing.
    """
    names = names_in(archive)
    infos = {name for name in names if _FOREIGN_INFO.search(name)}
    _refuse(archive, "must not have", {n for n in infos if not n.startswith("fff_serve.egg-info/")})
    _check_models(archive, names, DEMO)
    _refuse(archive, "lacks", SDIST_HAS - names)
    return f"{len(names)} files, {archive.stat().st_size:,} bytes"


def _check_models(archive: Path, names: set[str], demo: set[str]) -> None:
    _refuse(archive, "must not have", {name for name in names if _LITTER.search(name)})
    models = {n for n in names if n.startswith("model_store/demo/") or _MODEL.search(n)}
    _refuse(archive, "must not have", models - demo)
    _refuse(archive, "lacks", demo - names)


def _refuse(archive: Path, what: str, names: set[str]) -> None:
    if names:
        some = ", ".join(sorted(names)[:5])
        raise ReleaseRefused(f"{archive.name} {what} {some} ({len(names)} in all)")


def make_reproducible(archive: Path, epoch: int) -> None:
    """
    Write an sdist again with one time for everything, in order, and nobody's name.

    setuptools does this for wheels by SOURCE_DATE_EPOCH, for sdists it does not.
    """
    with tarfile.open(archive) as sdist:
        members = sorted(sdist.getmembers(), key=lambda member: member.name)
        bodies = [(m, f.read() if (f := sdist.extractfile(m)) else b"") for m in members]
    with archive.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=epoch) as packed:
        _write(packed, bodies, epoch)


def _write(packed: gzip.GzipFile, bodies: list[tuple[tarfile.TarInfo, bytes]], epoch: int) -> None:
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as sdist:
        for member, body in bodies:
            fresh = tarfile.TarInfo(member.name)
            fresh.type, fresh.size, fresh.mtime = member.type, len(body), epoch
            fresh.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            sdist.addfile(fresh, io.BytesIO(body))
