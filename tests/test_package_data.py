"""What is built from a checkout has the demo pair, and no model that lies beside it."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILT_FROM = ["fff", "model_store", "evaluation", "training", "service", "docs"]
BUILD = """
from setuptools import build_meta
print(build_meta.build_wheel("out"), build_meta.build_sdist("out"))
"""
DEMO = "model_store/demo"
PAIR = {
    f"{DEMO}/{name}/1/{file}"
    for name in ("digits", "digits-dense")
    for file in ("manifest.json", "model.safetensors")
}


def models(names: Iterable[str]) -> set[str]:
    """Files of the demo store, by their path in the checkout."""
    return {DEMO + name.partition(DEMO)[2] for name in names if DEMO in name}


def test_wheel_and_sdist_have_the_demo_pair_and_no_other_model(tmp_path: Path) -> None:
    """Though an earlier build's list of files, which setuptools goes by, names the other one."""
    for folder in BUILT_FROM:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    for file in (path for path in ROOT.iterdir() if path.is_file()):
        shutil.copy(file, tmp_path)
    shutil.copytree(tmp_path / DEMO / "digits", tmp_path / DEMO / "own")
    (tmp_path / "fff_serve.egg-info").mkdir()
    (tmp_path / "fff_serve.egg-info" / "SOURCES.txt").write_text(f"{DEMO}/own/1/manifest.json\n")

    command = [sys.executable, "-c", BUILD]
    built = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)

    wheel, sdist = (tmp_path / "out" / name for name in built.stdout.split()[-2:])
    with zipfile.ZipFile(wheel) as archive:
        assert models(archive.namelist()) == PAIR
    with tarfile.open(sdist) as files:
        assert models(member.name for member in files if member.isfile()) == PAIR
