"""The store where none is named: the user's own, seeded once."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from model_store import default_store as module
from model_store.default_store import DEMO_MODELS, default_store, writable_default_store
from model_store.errors import StoreNotWritable
from model_store.store import DEMO_STORE, Store

SEEDER = """
import os, sys
from model_store.default_store import writable_default_store
if len(sys.argv) > 1:
    setattr(os, sys.argv[1], lambda *args, **kwargs: os._exit(9))
print(writable_default_store())
"""
ROOT = Path(__file__).parents[2]


def seed(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Use the default store in another process, which dies at a given call of `os`."""
    command = [sys.executable, "-c", SEEDER, *arguments]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home that nothing is in yet."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME")
    return tmp_path


def no_notice(line: str) -> None:
    pytest.fail(line)


@pytest.mark.parametrize("data_home", [None, "", "relative/data", "data"])
def test_it_is_where_the_xdg_specification_puts_data(
    home: Path, monkeypatch: pytest.MonkeyPatch, data_home: str | None
) -> None:
    """A relative path is ignored."""
    expected = home / ".local" / "share"
    if data_home is not None:
        expected = home / "data" if data_home == "data" else expected
        monkeypatch.setenv("XDG_DATA_HOME", str(expected) if data_home == "data" else data_home)
    monkeypatch.chdir(home)

    assert default_store(no_notice) == expected / "fff-serve" / "models"
    assert {*home.iterdir()} == {home / expected.relative_to(home).parts[0]}


def test_it_begins_with_the_demo_which_passes_every_check() -> None:
    store = Store(default_store(no_notice))

    assert tuple(store.models()) == DEMO_MODELS
    for name in DEMO_MODELS:
        assert store.load(name).manifest == Store(DEMO_STORE).load(name).manifest


def test_a_model_that_lies_beside_the_demo_is_not_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DEMO_MODELS", DEMO_MODELS[:1])

    assert Store(default_store(no_notice)).models() == ["digits"]


def test_it_is_seeded_once_so_that_what_is_removed_stays_removed() -> None:
    store = Store(default_store(no_notice))
    for name in DEMO_MODELS:
        store.remove(name)

    assert Store(default_store(no_notice)).models() == []


def test_a_folder_that_is_there_is_left_as_it_is(home: Path) -> None:
    folder = home / ".local" / "share" / "fff-serve" / "models"
    folder.mkdir(parents=True)

    assert default_store(no_notice) == folder
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_after_a_crash_midway_it_is_seeded_anew_and_nothing_is_left_over(call: str) -> None:
    assert seed(call).returncode == 9

    folder = default_store(no_notice)

    assert Store(folder).models() == [*DEMO_MODELS]
    assert list(folder.parent.iterdir()) == [folder]


def test_processes_that_begin_at_once_find_the_same_whole_store() -> None:
    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(lambda _: seed(), range(4)))

    folder = default_store(no_notice)
    assert {(end.returncode, end.stdout, end.stderr) for end in ended} == {(0, f"{folder}\n", "")}
    assert Store(folder).models() == [*DEMO_MODELS]
    assert list(folder.parent.iterdir()) == [folder]


def test_a_read_only_package_makes_no_read_only_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "package"
    for source in DEMO_STORE.rglob("*"):
        if source.is_file() and source.relative_to(DEMO_STORE).parts[0] in DEMO_MODELS:
            copy = package / source.relative_to(DEMO_STORE)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
            copy.chmod(0o444)
    monkeypatch.setattr(module, "DEMO_STORE", package)

    folder = default_store(no_notice)

    assert all(path.stat().st_mode & 0o200 for path in folder.rglob("*"))


@pytest.mark.parametrize("fault", ["a file is in the way", "no home", "a relative home"])
def test_where_it_cannot_be_made_reading_gets_the_demo_and_writing_one_line(
    home: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    if fault == "a file is in the way":
        (home / ".local").touch()
    elif fault == "a relative home":
        monkeypatch.setenv("HOME", "somewhere")
    else:
        monkeypatch.setattr(Path, "home", _no_home)
    told: list[str] = []

    assert default_store(told.append) == DEMO_STORE
    assert len(told) == 1
    assert told[0].endswith("; using the demo models of the package, read only")
    assert "\n" not in told[0]
    with pytest.raises(StoreNotWritable, match="default store"):
        writable_default_store()


def _no_home() -> Path:
    raise RuntimeError("Could not determine home directory.")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_is_read_only_is_one_of_those(home: Path) -> None:
    home.chmod(0o555)
    told: list[str] = []

    assert default_store(told.append) == DEMO_STORE
    assert "Permission denied" in told[0]
