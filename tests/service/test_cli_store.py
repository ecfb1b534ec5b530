"""The store by the command line: where things go, what is refused, and what is quick."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from fff.weights import FFFWeights
from model_store.store import DEMO_STORE, Store
from service.cli import removal
from service.cli.main import app
from tests.fff.networks import tree
from tests.service import toys
from tests.service.test_process import run as run_process

READS_NO_TENSORS = """
import sys
from service.cli.main import main
sys.argv = ["fff-serve", *sys.argv[1:]]
code = 0
try:
    main()
except SystemExit as exc:
    code = exc.code or 0
heavy = {"torch", "numpy", "numba", "fastapi", "safetensors"} & sys.modules.keys()
assert not heavy, heavy
sys.exit(code)
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A checkpoint as the package fastfeedforward writes it, 6 -> 3."""
    weights: FFFWeights = tree(toys.WIDTH, 2, 3, toys.OUTPUTS)
    names = {"node_weight": "node_weights", "node_bias": "node_biases"}
    tensors = {names.get(n, f"{n}s"): tensor for n, tensor in weights.tensors().items()}
    torch.save(tensors, tmp_path / "file.pt")
    return str(tmp_path / "file.pt")


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--json"],
        ["list"],
        ["show", "digits"],
        ["--help"],
        ["list", "--help"],
        ["remove", "--help"],
        ["remove", "digits", "--yes"],
    ],
    ids=" ".join,
)
def test_what_reads_no_weights_imports_nothing_that_computes(
    arguments: list[str], tmp_path: Path
) -> None:
    """PyTorch alone takes a second."""
    environment = {"XDG_DATA_HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", READS_NO_TENSORS, *arguments]

    ended = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)

    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_large_model_is_listed_by_the_size_of_its_file(tmp_path: Path) -> None:
    """6 GB of holes: nobody reads them."""
    store = toys.make_store(tmp_path)
    with (store.folder("toy", 1) / "model.safetensors").open("r+b") as weights:
        weights.truncate(6_000_000_000)

    listed = json.loads(run("list", "--json", "--store", str(tmp_path)).stdout)["models"]

    assert {model["name"]: model["file_bytes"] for model in listed}["toy"] == 6_000_000_000


def test_import_says_where_it_stored_and_what_it_did_not_store_again(
    file: str, toy_store: Store
) -> None:
    command = ["import", file, "--name", "mine", "--store", str(toy_store.root)]

    first, again, scaled = (
        run(*command, *more)
        for more in (
            [],
            [],
            ["--uint8-scale", "1", "--uint8-shift", "0", "--baseline", "toy-dense"],
        )
    )

    assert f"stored in {toy_store.root}/mine/1" in first.stdout.replace("\n", "")
    assert "already stored as version 1" in again.stdout
    assert f"stored in {toy_store.root}/mine/2" in scaled.stdout.replace("\n", "")
    assert toy_store.versions("mine") == [1, 2]


def test_import_refuses_a_baseline_that_is_none(file: str, toy_store: Store) -> None:
    command = ["import", file, "--name", "mine", "--store", str(toy_store.root)]

    ended = run_process(*command, "--baseline", "nonesuch")

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "'nonesuch' is not in the store; it holds: toy, toy-dense" in ended.stderr
    assert toy_store.models() == ["toy", "toy-dense"]


@pytest.mark.parametrize(
    "command",
    [
        "list",
        "show digits",
        "verify",
        "remove digits --yes",
        "import FILE --name x",
        "train digits --name x",
        "compare digits",
        "serve --port 0",
    ],
)
def test_a_typo_in_a_store_creates_nothing(command: str, file: str, tmp_path: Path) -> None:
    typo = tmp_path / "modles"

    ended = run_process(*command.replace("FILE", file).split(), "--store", str(typo))

    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert f"{typo} is none (to make a new one: mkdir -p {typo})" in last
    assert not typo.exists()


def test_without_a_store_that_can_be_written_the_demo_is_shown_and_nothing_imported(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file.pt"))  # no folder
    before = {path: path.stat().st_mtime_ns for path in DEMO_STORE.rglob("*")}

    listed, imported = run_process("list"), run_process("import", file, "--name", "mine")

    assert listed.returncode == 0
    assert "digits-dense" in listed.stdout
    assert listed.stderr.count("\n") == 1
    assert "using the demo models of the package, read only" in listed.stderr
    assert (imported.returncode, imported.stderr.count("\n")) == (1, 1)
    assert "default store" in imported.stderr
    assert {path: path.stat().st_mtime_ns for path in DEMO_STORE.rglob("*")} == before


def test_remove_without_a_terminal_has_to_be_told(toy_store: Store) -> None:
    store = ["--store", str(toy_store.root)]

    refused = run("remove", "toy", *store)
    removed = run("remove", "toy", "--yes", "--json", *store)

    assert (refused.exit_code, removed.exit_code) == (2, 0)
    assert "--yes" in refused.output
    expected = {"name": "toy", "versions": [1], "store": str(toy_store.root)}
    assert json.loads(removed.stdout) == expected
    assert toy_store.models() == ["toy-dense"]


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, 1), ("n\n", 1, 2), ("\n", 1, 2)])
def test_remove_asks_at_a_terminal(
    answer: str, code: int, left: int, toy_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "at_terminal", lambda: True)
    command = ["remove", "toy", "--store", str(toy_store.root)]

    result = CliRunner().invoke(app, command, input=answer)

    assert (result.exit_code, len(toy_store.models())) == (code, left)
    assert "Remove toy (version 1)" in result.stderr


def test_remove_spares_a_baseline_unless_it_is_forced(toy_store: Store) -> None:
    command = ["remove", "toy-dense", "--yes", "--store", str(toy_store.root)]

    refused = run_process(*command)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "'toy-dense' is the baseline of toy" in refused.stderr
    assert toy_store.models() == ["toy", "toy-dense"]

    assert run(*command, "--force").exit_code == 0
    assert toy_store.models() == ["toy"]
