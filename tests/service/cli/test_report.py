"""`fff-serve report` as it is typed: what it prints, what it writes, what it refuses."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from evaluation import booster, timing
from evaluation.tables import TableForm, load_tables
from fff.layers import Dense
from model_store.manifest import TrainingOrigin
from model_store.store import Store
from tests.evaluation.image_files import write_class_folders
from tests.evaluation.report.made_up import dense, fff, publish


@pytest.fixture
def store(tmp_path: Path, monkeypatch) -> str:
    monkeypatch.setattr(timing, "BUDGET_S", 0.0)
    made = Store(tmp_path / "store")
    publish(made, "tree", fff(0), 0)
    publish(made, "tree-again", fff(1), 1)
    publish(made, "wide", dense(0), 0)
    publish(made, "other-data", dense(0, inputs=4), 0)
    return str(made.root)


def test_it_prints_the_sentences_and_a_line_for_each_network(command, store):
    ended = command("report", "--data", "digits", "--store", store)

    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0] == "digits: accuracy and the cost of serving"
    assert [line.partition(":")[0] for line in lines[2:7]] == [
        "By µs a row, batch 1",
        "By µs a row, batch 64",
        "By µs a row, batch 4,096",
        "By FLOPs a row",
        "By bytes a row",
    ]
    assert [line.split()[0] for line in lines if line.startswith(("fff ", "dense "))] == [
        "fff",
        "dense",
    ]
    assert "left out: other-data: takes 4 numbers, an image has 64" in lines


def test_it_writes_what_it_prints(command, store, tmp_path):
    out = tmp_path / "out"
    ended = command(
        *("report", "--data", "digits", "--store", store, "--models", "tree*", "--models", "wide"),
        *("--out", str(out), "--json"),
    )

    assert (ended.code, ended.err) == (0, "")
    assert ended.out == (out / "report.json").read_text(encoding="utf-8")
    assert json.loads(ended.out)["left_out"] == []
    assert (out / "report.html").is_file()


def test_the_command_that_it_names_is_the_one_that_was_typed(command, store, monkeypatch):
    typed = ("report", "--data", "digits", "--models", "w*", "--store", store, "--threads", "2")

    named = shlex.split(json.loads(command(*typed, "--json").out)["command"])
    monkeypatch.setenv("FFF_STORE", store)
    by_variable = json.loads(command(*typed[:5], "--threads", "2", "--json").out)["command"]

    assert named == ["fff-serve", *typed]
    assert shlex.split(by_variable) == named


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "Missing option '--data'"),
        (("--data", "none"), 1, "none: "),
        (("--data", "digits", "--models", "x*"), 1, "no model is named like 'x*'; the store holds"),
        (("--data", "digits", "--models", "other*"), 1, "takes 4 numbers, an image has 64"),
        (("--data", "digits", "--threads", "0"), 2, "--threads"),
        (("--data", "digits", "--seeds", "3"), 2, "--seeds, --set and --jobs are of --grid"),
        (("--data", "digits", "--set", "epochs=9"), 2, "--seeds, --set and --jobs are of --grid"),
        (("--data", "digits", "--jobs", "2"), 2, "--seeds, --set and --jobs are of --grid"),
        (("--data", "digits", "--grid", "parts", "--set", "epochs"), 2, "FIELD=VALUE"),
        (("--data", "digits", "--grey"), 2, "--image-size and --grey are of --data, a folder"),
        (("--data", "digits", "--image-size", "8"), 2, "--image-size and --grey are of --data"),
        (("--data", "images", "--image-size", "0"), 2, "--image-size takes a side"),
    ],
)
def test_what_cannot_be_reported_is_refused_in_one_line(command, store, arguments, code, said):
    ended = command("report", *arguments, "--store", store)

    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1


def test_images_of_a_folder_are_brought_to_a_size_and_to_grey(command, store, tmp_path):
    images = np.random.RandomState(0).randint(0, 256, (50, 12, 16, 3)).astype(np.uint8)
    write_class_folders(tmp_path / "drawn", images, np.arange(50) % 10)
    report = ("report", "--data", str(tmp_path / "drawn"), "--models", "wide", "--store", store)

    refused = command(*report)
    ended = command(*report, "--image-size", "8", "--grey", "--json")

    assert (refused.code, refused.out) == (1, "")
    assert (ended.code, ended.err) == (0, "")
    made = json.loads(ended.out)
    assert [model["name"] for point in made["points"] for model in point["models"]] == ["wide"]
    assert "--image-size 8 --grey" in made["command"]


def test_a_grid_is_of_images_of_the_size_asked_for(command, store, tmp_path):
    """Images of two sizes, of which nothing can be trained: the next mistake is told."""
    for side, labels in ((8, [0, 1]), (9, [2, 3])):
        images = np.zeros((4, side, side), np.uint8)
        write_class_folders(tmp_path / "drawn", images, np.repeat(labels, 2))
    report = ("report", "--data", str(tmp_path / "drawn"), "--grid", "none", "--store", store)

    assert "--image-size brings all to one size" in command(*report).err
    assert "a grid must be one of" in command(*report, "--image-size", "8").err


def test_a_folder_that_cannot_be_written_is_told_before_any_measuring(command, store, tmp_path):
    (tmp_path / "file").touch()

    ended = command("report", "--data", "none", "--store", store, "--out", str(tmp_path / "file"))

    assert (ended.code, ended.out) == (1, "")
    assert "file: File exists" in ended.err


def test_a_field_is_reported_by_its_errors_with_rivals_fitted_to_the_same_rows(
    command, tmp_path, monkeypatch
):
    monkeypatch.setattr(timing, "BUDGET_S", 0.0)
    y, x = np.meshgrid(np.linspace(0, 6, 40), np.linspace(0, 6, 30), indexing="ij")
    np.savez(tmp_path / "hills.npz", height=np.sin(x) + np.cos(y))
    np.savez(tmp_path / "digits.npz", images=np.zeros((9, 8, 8), np.uint8), labels=np.arange(9))
    (tmp_path / "store").mkdir()
    data, store = str(tmp_path / "hills.npz"), ("--store", str(tmp_path / "store"))
    small = ("--set", "depth=3", "--set", "iterations=4")
    trained = command(
        "train",
        "field",
        "--data",
        data,
        "--name",
        "hills",
        "--seeds",
        "2",
        *store,
        "--baseline",
        "none",
        *small,
    )
    assert trained.code == 0, trained.err

    report = ("report", "--data", data, *store)
    made = json.loads(command(*report, "--rival", "knn", "--rival", "raster", "--json").out)
    alone = json.loads(command(*report, "--rival", "none", "--target", "height", "--json").out)
    shown = command(*report, "--rival", "knn")

    assert [point["family"] for point in made["points"]] == ["fff", "knn", "raster"]
    assert [model["name"] for model in made["points"][0]["models"]] == ["hills-0", "hills-1"]
    assert made["test_rows"] == 120
    assert [point["family"] for point in alone["points"]] == ["fff"]
    assert alone["points"][0]["rmse"] == made["points"][0]["rmse"]
    assert shown.out.splitlines()[0] == "hills.npz: error and the cost of serving"
    for wrong, said in (
        (("--data", data, "--grey"), "are of --data, a folder"),
        (("--data", data, "--rival", "svm"), "a rival must be one of knn"),
        (("--data", str(tmp_path / "digits.npz"), "--target", "x"), "--target is of a field or"),
        (("--data", "digits", "--rival", "knn"), "--rival is of a field or"),
    ):
        refused = command("report", *wrong, *store)
        assert (refused.code in (1, 2), refused.out) == (True, "")
        assert said in refused.err


def test_a_table_is_reported_by_what_its_target_is(command, tmp_path, monkeypatch):
    """Of classes by accuracy, with a booster that knows the columns' classes too."""
    monkeypatch.setattr(timing, "BUDGET_S", 0.0)
    monkeypatch.setattr(booster, "MOST_ROUNDS", 5)
    numbers = np.random.default_rng(0).normal(size=(300, 2))
    lines = [f"{n},{a:.3f},{b:.3f},{int(a + b > 0)}" for n, (a, b) in enumerate(numbers)]
    (tmp_path / "rows.csv").write_text("\n".join(["id,a,b,kind", *lines]))
    store = Store(tmp_path / "store")
    train, test = load_tables(tmp_path / "rows.csv", TableForm("kind", ("kind",), ("id",)))
    origin = TrainingOrigin(
        recipe={"name": "table"},
        seed=0,
        data_sha256=train.sha256,
        test_sha256=test.sha256,
        metrics={},
    )
    store.publish(
        "wide",
        Dense(2, 2, 4).weights(),
        origin=origin,
        inputs=[*(train.inputs or ())],
        classes=[*(train.classes or ())],
    )

    report = ("report", "--data", str(tmp_path / "rows.csv"), "--store", str(store.root))
    columns = ("--target", "kind", "--category", "kind", "--leave-out", "id")
    ended = command(*report, *columns, "--json")

    assert (ended.code, ended.err) == (0, "")
    made = json.loads(ended.out)
    accuracies = {each["family"]: each["hard_accuracy"]["mean"] for each in made["points"]}
    assert accuracies.keys() == {"dense", "knn", "booster"}
    assert min(accuracies["knn"], accuracies["booster"]) > 0.8
    assert {each["model"] for each in made["left_out"]} == {"interpolation", "raster"}
    assert "--category kind --leave-out id" in made["command"]
    assert "--target must name" in command(*report).err
