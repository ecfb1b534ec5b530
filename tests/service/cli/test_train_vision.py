"""From IDX files to a vision transformer in the store, and back to what it reaches."""

import json

import numpy as np

from evaluation.idx import write_idx
from tests.service.cli.conftest import Command
from tests.training.vision.toys import TEST, TOY, TRAIN

QUICK = [
    part
    for name, value in TOY.fields().items()
    if name not in ("name", "family", "data")
    for part in ("--set", f"{name}={value}")
]


def test_images_become_a_pair_that_is_evaluated_and_compared(command: Command, tmp_path):
    data, store = tmp_path / "data", tmp_path / "store"
    data.mkdir()
    store.mkdir()
    for part, its in (("train", TRAIN), ("t10k", TEST)):
        write_idx(data / f"{part}-images-idx3-ubyte", its.images.reshape(-1, 2, 2))
        write_idx(data / f"{part}-labels-idx1-ubyte", its.labels.astype(np.uint8))
    common = ("--data", str(data), "--store", str(store), "--json")

    trained = command("train", "vit-mnist", "--name", "vit", *common, *QUICK)
    evaluated = command("evaluate", "vit", *common)
    compared = command("compare", "vit", *common)

    assert (trained.code, evaluated.code, compared.code) == (0, 0, 0), trained.err + compared.err
    models = json.loads(trained.out)["models"]
    assert [(each["name"], each["kind"]) for each in models] == [
        ("vit", "network"),
        ("vit-dense", "network"),
    ]
    reached = [each["metrics"]["test_hard_accuracy"] for each in models]
    assert json.loads(evaluated.out)["hard_accuracy"] == reached[0]


def test_options_of_tables_and_pictures_are_refused(command: Command, tmp_path):
    line = ("train", "vit-mnist", "--name", "vit", "--data", str(tmp_path))
    columns = command(*line, "--target", "price")
    picture = command(*line, "--picture", str(tmp_path / "curve.svg"))

    assert "images have one label" in columns.err.replace("\n", " ")
    assert "--picture is for" in picture.err
    assert (columns.code, picture.code) == (2, 2)
