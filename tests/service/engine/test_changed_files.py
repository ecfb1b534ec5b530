"""What happens to the file of a served model changes no answer, and is seen."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import pytest

from model_store.files import StoredFile
from model_store.store import Store
from model_store.version_files import WEIGHTS_FILE
from service.errors import LoadFailed
from tests.service import toys

ROWS = np.random.default_rng(0).standard_normal((40, toys.WIDTH)).astype(np.float32)
BODY = {"inputs": ROWS.tolist()}


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\x3f" * path.stat().st_size)


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes()[::-1])
    other.rename(path)


def copy_over_itself(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content)  # is empty for a moment


def remove(path: Path) -> None:
    """As `fff-serve remove` does."""
    Store(path.parents[2]).remove(path.parents[1].name)


CHANGES: dict[str, Callable[[Path], object]] = {
    "overwritten": overwrite,
    "cut short": lambda path: os.truncate(path, 100),
    "emptied": lambda path: os.truncate(path, 0),
    "deleted": Path.unlink,
    "removed from the store": remove,
    "replaced": replace,
}


def file_of(store: Store, name: str) -> Path:
    return store.root / name / "1" / WEIGHTS_FILE


async def ask(client: httpx.AsyncClient, name: str, path: str = "predict") -> bytes:
    answer = await client.post(f"/v1/models/{name}/{path}", json=BODY)
    assert answer.status_code == 200, answer.text
    return answer.content


async def index_of(app, name: str) -> tuple[str, str]:
    entries = await app.state.repository.index()
    return next((e["state"], e["reason"]) for e in entries if e["name"] == name)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("name", "backend"), [("toy", "numba"), ("toy", "torch"), ("toy-dense", "auto")]
)
async def test_answers_and_explanations_stay_as_they_were_and_the_index_tells(
    toy_store, change, name, backend, caplog
):
    async with toys.running(store=toy_store.root, backend=backend) as (app, client):
        paths = ("predict", "explain") if name == "toy" else ("predict",)
        before = [await ask(client, name, path) for path in paths]
        await app.state.engine.watch.look()
        assert await index_of(app, name) == ("READY", "")

        CHANGES[change](file_of(toy_store, name))

        assert [await ask(client, name, path) for path in paths] == before
        for _ in range(3):
            await app.state.engine.watch.look()
        state, reason = await index_of(app, name)
        metrics = (await client.get("/metrics")).text

    assert (state, reason.startswith(f"model '{name}' version 1: ")) == ("READY", True)
    assert caplog.text.count("what was loaded is still served") == 1
    assert f'fff_store_changes_total{{model="{name}",version="1"}} 1.0' in metrics
    assert str(toy_store.root) not in reason


@pytest.mark.parametrize("same", ["copied over itself", "touched", "replaced by a copy"])
async def test_the_same_bytes_again_are_no_change(toy_store, same, caplog):
    async with toys.running(store=toy_store.root) as (app, _):
        path = file_of(toy_store, "toy")
        if same == "copied over itself":
            copy_over_itself(path)
        elif same == "touched":
            os.utime(path, (0, 0))
        else:
            copy = path.with_name("copy")
            copy.write_bytes(path.read_bytes())
            copy.rename(path)
        await app.state.engine.watch.look()

        assert await index_of(app, "toy") == ("READY", "")
    assert "still served" not in caplog.text


async def test_a_file_that_comes_back_is_well_again(toy_store, caplog):
    caplog.set_level("INFO")
    async with toys.running(store=toy_store.root) as (app, _):
        path = file_of(toy_store, "toy")
        path.rename(path.with_name("away"))
        await app.state.engine.watch.look()
        assert (await index_of(app, "toy"))[1].endswith("model.safetensors is missing")

        path.with_name("away").rename(path)
        await app.state.engine.watch.look()

        assert await index_of(app, "toy") == ("READY", "")
    assert "its file is again what was loaded" in caplog.text


async def test_a_look_reads_a_file_only_where_it_is_another_one(toy_store, monkeypatch):
    async with toys.running(store=toy_store.root) as (app, _):
        overwrite(file_of(toy_store, "toy"))
        checked: list[str] = []
        check = type(toy_store).check

        def counted(store, name, *more):
            checked.append(name)
            check(store, name, *more)

        monkeypatch.setattr(type(toy_store), "check", counted)
        for _ in range(5):
            await app.state.engine.watch.look()

    assert checked == ["toy"]


@pytest.mark.parametrize("change", ["overwritten", "emptied"])
async def test_a_file_that_is_written_to_while_it_is_loaded_is_refused(
    toy_store, monkeypatch, change
):
    async with toys.running(store=toy_store.root, admin_key="key") as (app, client):
        before = await ask(client, "toy")
        version = toys.publish_another(toy_store)
        path = toy_store.root / "toy" / str(version) / WEIGHTS_FILE
        _change_after_hashing(monkeypatch, partial(CHANGES[change], path))

        with pytest.raises(LoadFailed, match="has changed while it was being read"):
            await app.state.repository.load("toy")

        assert await ask(client, "toy") == before


def _change_after_hashing(patch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    hash_file = StoredFile.hash

    def hash_and_change(file: StoredFile) -> str:
        digest = hash_file(file)
        change()
        return digest

    patch.setattr(StoredFile, "hash", hash_and_change)


def test_a_process_lives_on_while_its_files_are_cut_and_copied_under_traffic(toy_store):
    """Mapped memory of a file that is cut short ends a process without a word."""
    with toys.live("--store", str(toy_store.root), FFF_BACKEND="torch") as service:
        url = f"{service.url}/v1/models/"
        names = ("toy", "toy-dense")
        before = {name: httpx.post(f"{url}{name}/predict", json=BODY).json() for name in names}
        done, wrong = threading.Event(), []

        def keep_asking(name: str) -> None:
            with httpx.Client() as client:
                while not done.is_set():
                    answer = client.post(f"{url}{name}/predict", json=BODY)
                    if answer.json() != before[name]:
                        wrong.append(answer.text)

        askers = [threading.Thread(target=keep_asking, args=(name,)) for name in names]
        for asker in askers:
            asker.start()
        for name in names:
            file = file_of(toy_store, name)
            for _ in range(20):
                copy_over_itself(file)
            subprocess.run([sys.executable, "-c", f"open({str(file)!r}, 'wb')"], check=True)
        done.set()
        for asker in askers:
            asker.join()
        after = {name: httpx.post(f"{url}{name}/predict", json=BODY).json() for name in names}

    assert not wrong
    assert after == before
