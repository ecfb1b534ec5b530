"""The command line on networks that predict values, and on classes that have names."""

import json

import numpy as np
import pytest

from tests.fff.networks import dense, tree
from tests.service import regression, toys
from tests.service.cli.rows_files import ROWS, Command, npy


@pytest.fixture
def store(tmp_path):
    return regression.make_store(tmp_path / "store")


@pytest.fixture
def command(monkeypatch, capsys, tmp_path, store):
    monkeypatch.setenv("COLUMNS", "200")  # no line of a table is broken
    return Command(monkeypatch, capsys, tmp_path)


def predicted(command, store, name, *more):
    return command.printed("predict", name, "--store", store.root, *more, stdin=npy(ROWS[:3]))


def test_people_get_values_under_their_names_and_units(command, store):
    title, *lines = predicted(command, store, "terrain").splitlines()
    outputs = json.loads(predicted(command, store, "terrain", "--json"))["outputs"]

    assert title.split() == ["row", "elevation", "in", "m", "slope", "leaf", "margin"]
    for line, row in zip(lines, outputs, strict=True):
        assert line.split()[1:3] == [f"{value:.6g}" for value in row]


def test_a_dense_regression_has_values_alone(command, store):
    title = predicted(command, store, "terrain-dense").splitlines()[0]

    assert title.split() == ["row", "elevation", "in", "m", "slope"]


def test_values_of_many_targets_are_shown_as_far_as_a_line_goes(command, store):
    many = regression.targets(f"t{number}" for number in range(20))
    store.publish("many", dense(toys.WIDTH, 4, 20), origin=toys.ORIGIN, targets=many)

    lines = predicted(command, store, "many").splitlines()

    assert lines[0].split() == ["row", *(f"t{number}" for number in range(8))]
    assert lines[-1] == "… and 12 more values a row; --json prints all"
    assert "more values" not in predicted(command, store, "many", "--outputs", "logits")


def test_a_target_may_be_named_as_a_column_of_ours(command, store):
    names = regression.targets(["row", "leaf"])
    store.publish("odd", dense(toys.WIDTH, 4, 2), origin=toys.ORIGIN, targets=names)

    lines = predicted(command, store, "odd").splitlines()

    assert lines[0].split() == ["row", "row", "leaf"]
    assert len(lines[1].split()) == 3


@pytest.mark.parametrize("asked", ["class", "logits,probabilities"])
def test_outputs_of_classes_are_misuse(command, store, asked):
    code, out, err = command.ended(
        "predict", "terrain", "--store", store.root, "--outputs", asked, stdin=npy(ROWS)
    )

    assert (code, out) == (2, "")
    said = " ".join(err.split())
    assert "--outputs must be among logits, leaf, margin" in said
    assert "this model predicts values (elevation in m, slope), it has no classes" in said


def test_a_body_that_asks_for_classes_is_refused_as_the_service_refuses_it(command, store):
    tensor = {"name": "input", "shape": [1, 6], "datatype": "FP32", "data": ROWS[0].tolist()}
    body = json.dumps({"inputs": [tensor], "outputs": [{"name": "class"}]}).encode()

    code, _, err = command.ended("predict", "terrain", "--store", store.root, stdin=body)

    assert code == 1
    assert "it has no classes" in err


def test_an_archive_of_a_regression_has_no_classes(command, store):
    file = command.folder / "answers.npz"
    predicted(command, store, "terrain", "--output", file)

    with np.load(file) as arrays:
        assert sorted(arrays) == ["leaf", "logits", "margin"]


def test_classes_are_named_beside_their_numbers(command, store):
    lines = predicted(command, store, "pets").splitlines()
    shown = json.loads(predicted(command, store, "pets", "--json", "--outputs", "class"))
    explained = command.printed("explain", "pets", "--store", store.root, stdin=npy(ROWS[:1]))

    assert shown["class_names"] == [regression.NAMES[number] for number in shown["class"]]
    pairs = zip(shown["class"], shown["class_names"], strict=True)
    assert [line.split()[1:3] for line in lines[1:]] == [[str(n), name] for n, name in pairs]
    assert explained.startswith(f"row 0: class {shown['class'][0]} {shown['class_names'][0]}, leaf")


def test_a_path_begins_with_the_values_of_its_row(command, store):
    ((high, slope),) = json.loads(
        command.printed("predict", "terrain", "--json", "--store", store.root, stdin=npy(ROWS[:1]))
    )["outputs"]

    lines = command.printed(
        "explain", "terrain", "--store", store.root, stdin=npy(ROWS[:1])
    ).splitlines()

    assert lines[0].startswith(f"row 0: elevation {high:.6g} m, slope {slope:.6g}, leaf ")
    assert [line.split()[0] for line in lines[1:]] == ["node", "node", "leaf"]


def test_a_path_of_many_values_tells_how_many_more_there_are(command, store):
    many = regression.targets(f"t{number}" for number in range(20))
    store.publish("many", tree(toys.WIDTH, 2, 3, 20), origin=toys.ORIGIN, targets=many)

    line = command.printed("explain", "many", "--store", store.root, stdin=npy(ROWS[:1]))

    assert "t7" in line
    assert ", 12 more values, leaf" in line
    assert "t8" not in line


def test_list_and_show_say_what_a_model_predicts(command, store):
    where = ("--store", store.root)
    listed = json.loads(command.printed("list", "--json", *where))["models"]
    table = command.printed("list", *where)
    shown = json.loads(command.printed("show", "terrain", *where))

    tasks = {model["name"]: model["task"] for model in listed}
    assert tasks == {
        "pets": "classification",
        "terrain": "regression",
        "terrain-dense": "regression",
    }
    assert [t["name"] for t in listed[1]["targets"]] == [*regression.UNITS]
    assert "values (elevation in m, slope)" in table
    assert "classes (cat, dog, eel)" in table
    assert (shown["task"], shown["targets"]) == ("regression", listed[1]["targets"])
    assert shown == {"task": "regression"} | json.loads(store.manifest("terrain").model_dump_json())
