"""The command line as its users follow the README: import, evaluate, train, compare."""

import json
import os
import re
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from model_store.manifest import FFFManifest, ImportOrigin, TrainingOrigin
from model_store.store import Store
from service.cli import bench
from service.cli.main import app
from tests.evaluation.test_evaluate import JSON_FIELDS

DATA = Path(__file__).resolve().parents[2] / "loadtest" / "data"
DIGITS = [
    *("--images", str(DATA / "digits-images.idx3-ubyte.gz")),
    *("--labels", str(DATA / "digits-labels.idx1-ubyte.gz")),
]
MNIST_SCALING = ["--uint8-scale", "0.00784313725490196", "--uint8-shift", "-1"]


def run(*arguments: str) -> str:
    """Run a command that must succeed; its output."""
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.shared
def test_a_published_checkpoint_is_imported_and_evaluated(tmp_path, efff_checkpoints, mnist_test):
    """The two commands of the README, on the checkpoint whose name promises 93.46 %."""
    from tests.conftest import SHARED

    store = ["--store", str(tmp_path)]
    file = str(efff_checkpoints["MNIST_l8_d1-0.9346"])
    test = SHARED / "data" / "mnist"
    reference = ("--reference-images", str(test / "t10k-images-idx3-ubyte.gz"))
    output = run("import", file, "--name", "mnist", *MNIST_SCALING, *reference, *store)
    measured = json.loads(
        run(
            *("evaluate", "mnist", "--json", *store),
            *("--images", str(test / "t10k-images-idx3-ubyte.gz")),
            *("--labels", str(test / "t10k-labels-idx1-ubyte.gz")),
        )
    )

    assert "efff layout, 784 -> 10, depth 1" in output
    assert (measured["rows"], measured["hard_accuracy"]) == (10_000, 0.9346)
    assert (measured["leaves_used"], measured["leaves"]) == (2, 2)
    manifest = Store(tmp_path).load("mnist").manifest
    assert isinstance(manifest, FFFManifest)
    assert isinstance(manifest.origin, ImportOrigin)
    assert manifest.origin.format == "efff"
    (reference_rows,) = manifest.reference_leaf_rows or []
    assert [rows / 10_000 for rows in reference_rows] == measured["leaf_shares"]


def test_evaluate_prints_exactly_the_contracts_fields():
    measured = json.loads(run("evaluate", "digits", "--json", *DIGITS))
    assert tuple(measured) == JSON_FIELDS


def test_evaluate_and_compare_have_a_form_for_people():
    assert "hard accuracy" in run("evaluate", "digits", *DIGITS)
    compared = run("compare", "digits", *DIGITS)
    assert "fff: digits" in compared
    assert "1 thread a side" in compared
    assert re.search("is faster|no difference seen", compared)


def test_compare_as_json_sets_the_two_sides_beside_each_other():
    compared = json.loads(run("compare", "digits", "--json", *DIGITS))
    assert (compared["fff"]["name"], compared["dense"]["name"]) == ("digits", "digits-dense")
    assert {timing["batch_rows"] for timing in compared["timings"]} == {1, 8, 64, 512}
    assert compared["threads"] == 1
    assert all(side["accuracy"] > 0.9 for side in (compared["fff"], compared["dense"]))


def test_images_are_compared_without_labels_too():
    compared = json.loads(run("compare", "digits", "--json", *DIGITS[:2]))
    assert compared["agreement"]["same_class"] > 0.9
    assert compared["fff"]["accuracy"] is None


def test_train_publishes_a_pair_that_serves_as_baseline_and_twin(tmp_path):
    few = ["--set", "epochs=2", "--set", "hardening_ramp_epochs=0", "--set", "depth=2"]
    output = run("train", "digits", "--name", "mine", "--store", str(tmp_path), "--seed", "3", *few)

    fff = Store(tmp_path).load("mine").manifest
    assert "mine version 1: test accuracy" in output
    assert isinstance(fff, FFFManifest)
    assert isinstance(fff.origin, TrainingOrigin)
    assert (fff.baseline, fff.depth, fff.origin.seed) == ("mine-dense", 2, 3)
    assert Store(tmp_path).models() == ["mine", "mine-dense"]


def test_train_takes_seeds_and_baselines_and_draws_their_curves(tmp_path):
    few = ["--set", "epochs=2", "--set", "depth=1", "--set", "teacher=none"]
    who = ["--seeds", "2", "--baseline", "equal-flops", "--baseline", "low-rank"]
    store, picture = Store(tmp_path), tmp_path / "curves.svg"
    where = ["--store", str(tmp_path), "--picture", str(picture)]
    output = run("train", "digits", "--name", "mine", *where, *who, *few)

    names = [f"mine-{seed}{end}" for seed in (0, 1) for end in ("", "-equal-flops", "-low-rank")]
    drawn = picture.read_text()
    assert store.models() == sorted(names)
    assert [store.load(name).manifest.baseline for name in ("mine-0", "mine-1")] == [None, None]
    assert re.search(r"mine-0 to mine-1: test accuracy \d+\.\d\d % ± \d+\.\d\d, 2 seeds", output)
    assert "mine-0-low-rank to mine-1-low-rank: " in output
    assert all(f">{name}</text>" in drawn for name in names)


def test_a_picture_without_a_folder_is_refused_before_any_training(tmp_path):
    arguments = ["train", "digits", "--name", "mine", "--store", str(tmp_path)]
    nowhere = ["--picture", str(tmp_path / "no" / "curves.svg")]

    assert CliRunner().invoke(app, [*arguments, *nowhere]).exit_code == 2
    assert Store(tmp_path).models() == []


class Malicious:
    """Unpickled, it would run a command."""

    def __reduce__(self):
        return os.system, ("touch pwned",)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["import", "FILE", "--name", "x", "--uint8-scale", "1"], 2),
        (["import", "FILE", "--name", "x", "--reference-images", "IDX"], 2),
        (["evaluate", "digits", "--images", "x"], 2),
        (["compare", "digits", "--labels", "x"], 2),
        (["compare", "digits", "--threads", "0"], 2),
        (["train", "digits", "--name", "x", "--set", "epochs"], 2),
    ],
    ids=[
        "half-a-scaling",
        "reference-without-scaling",
        "no-labels",
        "half-a-dataset",
        "no-threads",
        "no-value",
    ],
)
def test_misuse_is_exit_code_2(arguments, code):
    assert CliRunner().invoke(app, arguments).exit_code == code


def test_a_checkpoint_that_carries_code_is_refused_by_name(tmp_path, monkeypatch):
    """Through the console script, as a user meets it: one line, exit code 1, nothing run."""
    from tests.service.test_process import run as run_process

    monkeypatch.chdir(tmp_path)
    torch.save({"w1s": Malicious()}, tmp_path / "evil.pt")
    (tmp_path / "store").mkdir()

    ended = run_process("import", "evil.pt", "--name", "evil", "--store", str(tmp_path / "store"))

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "carries code: posix.system" in ended.stderr
    assert not (tmp_path / "pwned").exists()
    assert not list((tmp_path / "store").iterdir())


def test_the_benches_are_asked_for_in_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "CHECKOUT", tmp_path)

    result = CliRunner().invoke(app, ["bench", "--quick"])

    assert result.exit_code == 2
    assert "in a checkout of fff-serve" in result.output.replace("\n", " ")


@pytest.mark.parametrize("how", ["option", "variable"])
def test_an_empty_store_is_the_default_and_not_the_working_directory(tmp_path, monkeypatch, how):
    """As `--store "$STORE"` or a compose file pass it where nobody has set it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FFF_STORE", "")

    listed = run("list", *(["--store", ""] if how == "option" else []))

    assert "digits-dense" in listed
