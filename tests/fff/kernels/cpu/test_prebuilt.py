"""
The kernel compiled ahead: found wherever its sources are copied to, the same bits, never silent.

Covered:      the level of the processor at hand; which level a processor takes.
Not covered:  the other two levels' code (their bits: `test_isa`, the middle one as it is shipped,
              the lowest unoptimised).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fff.kernels.cpu import prebuilt
from tests.fff.kernels.cpu.test_isa import X86, answers, equal

ROOT = Path(__file__).parents[4]
FEATURES = "llvmlite.binding.get_host_cpu_features"
LEVEL = prebuilt.level() or "none"
WRITE = """
import logging, sys
logging.basicConfig(level="INFO")
from tests.fff.kernels.cpu.test_isa import answers
import torch
torch.save(answers(), sys.argv[1])
"""
LOAD = "import logging; logging.basicConfig(level='INFO'); import fff.kernels.cpu.backend"


def run(root: Path, *command: str, **environ: str) -> str:
    """Run Python on a copy of `fff`, with a home and a cache of its own; returns its log."""
    paths = {"PYTHONPATH": f"{root}:{ROOT}", "HOME": str(root), "NUMBA_CACHE_DIR": str(root / "c")}
    done = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, **paths, **environ},
        cwd=root,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stderr


def copy(root: Path, ahead: Path | None = None) -> Path:
    """The sources alone elsewhere, younger than those here; with code compiled ahead, if given."""
    for file in (ROOT / "fff").rglob("*.py"):
        target = root / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    if ahead:
        shutil.copytree(ahead, root / "fff/kernels/cpu/prebuilt")
    return root


@pytest.fixture(scope="module")
def ahead(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Code for this processor's level, compiled on another copy of the sources."""
    root = copy(tmp_path_factory.mktemp("builder"))
    run(root, "-m", "fff.kernels.cpu.prebuild", "ahead", "--level", LEVEL)
    return root / "ahead"


@X86
def test_a_copy_with_code_compiled_ahead_compiles_nothing_and_gives_the_same_bits(ahead, tmp_path):
    log = run(copy(tmp_path, ahead), "-c", WRITE, str(tmp_path / "answers"))

    assert "compil" not in log
    assert not list((tmp_path / "c").rglob("*.nbi"))
    elsewhere = torch.load(tmp_path / "answers")
    assert [name for name, value in answers().items() if not equal(value, elsewhere[name])] == []


@X86
def test_other_sources_are_compiled_and_the_log_says_how_long_it_took(ahead, tmp_path):
    root = copy(tmp_path, ahead)
    with (root / "fff/kernels/cpu/tables.py").open("a") as file:
        file.write("# changed\n")

    first, second = run(root, "-c", LOAD), run(root, "-c", LOAD)

    assert "compiling the kernel for this processor" in first
    assert "compiled the kernel for" in first
    assert "compil" not in second


@X86
def test_a_processor_that_is_named_gets_its_own_code(ahead, tmp_path):
    """Who names one to Numba means it, whatever has been compiled ahead."""
    log = run(copy(tmp_path, ahead), "-c", LOAD, NUMBA_CPU_NAME="x86-64-v3", NUMBA_CPU_FEATURES="")

    assert "compiled the kernel for x86-64-v3" in log


@pytest.mark.parametrize("level", prebuilt.LEVELS)
def test_a_processor_takes_the_highest_level_of_which_it_lacks_nothing(level, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    has = dict.fromkeys(prebuilt.LEVELS[level], True)

    monkeypatch.setattr(FEATURES, lambda: has)
    assert prebuilt.level() == level

    for feature in has:
        monkeypatch.setattr(FEATURES, lambda feature=feature: {**has, feature: False})
        assert prebuilt.level() != level


def test_other_architectures_take_none(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "aarch64")

    assert prebuilt.level() is None
