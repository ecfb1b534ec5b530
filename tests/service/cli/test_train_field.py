"""From a raster to a network and its rivals in the store, and back to what they reach."""

import json

import numpy as np
import pytest

from fff.layers import Dense
from model_store.manifest import ImportOrigin, TrainingOrigin
from model_store.store import Store

QUICK = ("--set", "depth=4", "--set", "iterations=10", "--set", "epochs=2")


@pytest.fixture(scope="module")
def raster(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "hills.npy"
    y, x = np.meshgrid(np.linspace(-3, 3, 40), np.linspace(-3, 3, 50), indexing="ij")
    np.save(path, 100 + 10 * np.sin(2 * x) * np.cos(y))
    return path


def test_a_raster_becomes_an_fff_and_its_rivals(raster, tmp_path, command):
    store = tmp_path
    trained = command(
        *("train", "field", "--data", str(raster), "--name", "hills", "--store", str(store)),
        *("--baseline", "fourier", "--baseline", "dense", *QUICK, "--json"),
    )
    assert trained.code == 0, trained.err
    models = json.loads(trained.out)["models"]

    assert [model["name"] for model in models] == ["hills", "hills-fourier", "hills-dense"]
    assert models[0]["baseline"] == "hills-fourier"
    manifest = Store(store).manifest("hills")
    assert (manifest.task, manifest.kind, manifest.input_width) == ("regression", "fff", 2)
    assert [target.name for target in manifest.targets or []] == ["hills"]
    evaluated = command(
        *("evaluate", "hills", "--data", str(raster), "--heldout", "--store", str(store), "--json")
    )
    result = json.loads(evaluated.out)
    assert {"rows", "rmse", "mae", "r2", "leaves_used", "leaves", "leaf_shares", "rows_per_s"} <= {
        *result
    }
    assert result["rows"] == 200
    assert result["rmse"] == pytest.approx(models[0]["metrics"]["test_rmse"])
    assert result["rmse"] < 2
    all_rows = command("evaluate", "hills", "--data", str(raster), "--store", str(store), "--json")
    assert json.loads(all_rows.out)["rows"] == 2000
    shown = command("evaluate", "hills", "--data", str(raster), "--store", str(store))
    assert "RMSE" in shown.out


def test_a_field_is_compared_with_its_rival_on_held_out_cells(raster, tmp_path, command):
    store = ("--store", str(tmp_path))
    command(
        *("train", "field", "--data", str(raster), "--name", "hills", *store),
        *("--baseline", "fourier", *QUICK),
    )
    data = ("--data", str(raster), "--heldout")
    compared = json.loads(command("compare", "hills", *data, *store, "--json").out)
    alone = json.loads(command("evaluate", "hills", *data, *store, "--json").out)

    assert compared["fff"]["rmse"] == pytest.approx(alone["rmse"])
    assert compared["dense"]["kind"] == "multilayer"
    assert compared["dense"]["rmse"] > compared["fff"]["rmse"]
    assert 0 <= compared["agreement"]["within_tolerance"] < 1
    assert compared["agreement"]["rows"] == 200
    assert "RMSE" in command("compare", "hills", *data, *store).out


def test_the_raster_itself_is_a_rival_that_knows_every_cell(raster, tmp_path, command):
    store = ("--store", str(tmp_path))
    command(
        *("train", "field", "--data", str(raster), "--name", "hills", *store),
        *("--baseline", "raster", *QUICK),
    )
    known = command("evaluate", "hills-raster", "--data", str(raster), *store, "--json")

    assert json.loads(known.out)["rmse"] < 1e-4
    assert Store(tmp_path).manifest("hills").baseline == "hills-raster"


def test_seeds_are_trained_one_after_the_other(raster, tmp_path, command):
    trained = command(
        *("train", "field", "--data", str(raster), "--name", "hills", "--seeds", "2"),
        *("--baseline", "none", *QUICK, "--store", str(tmp_path)),
    )
    assert "hills-0 to hills-1: test RMSE" in trained.out
    store = ("--store", str(tmp_path))
    shown = [json.loads(command("show", f"hills-{seed}", *store).out) for seed in (0, 1)]
    assert len({manifest["origin"]["test_sha256"] for manifest in shown}) == 1
    other = tmp_path / "other.npy"
    np.save(other, np.load(raster) + 1)
    refused = command("evaluate", "hills-0", "--data", str(other), "--heldout", *store)
    assert refused.code == 2
    assert "held out other rows" in refused.err


MISTAKES = {
    "data-for-the-terrain": (("--data", "x.npy"), "comes with matplotlib"),
    "no-data": ((), "a raster"),
    "image-options": (("--data", "x.npy", "--grey"), "are for images"),
    "unknown-field": (("--data", "x.npy", "--set", "levels=3"), "no field 'levels'"),
    "out-of-range": (("--data", "x.npy", "--set", "depth=40"), "depth must be 0 to 16, got 40"),
    "unknown-choice": (("--data", "x.npy", "--set", "splits=best"), "splits must be one of median"),
    "unknown-rival": (("--data", "x.npy", "--baseline", "moe"), "baseline must be one of"),
    "no-file": (("--data", "x.npy"), "there is no such file"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_clear_line(name, command, tmp_path):
    arguments, message = MISTAKES[name]
    recipe = "terrain" if name == "data-for-the-terrain" else "field"
    failed = command("train", recipe, "--name", "m", "--store", str(tmp_path), *arguments)

    assert failed.code in (1, 2)
    assert message in " ".join(failed.err.split())


@pytest.mark.parametrize(
    "origin",
    [
        ImportOrigin(format="efff", sha256="0" * 64),
        TrainingOrigin(recipe={"name": "table"}, seed=0, metrics={}),
    ],
    ids=["imported", "of-a-table"],
)
def test_what_no_field_trained_has_held_out_no_cells(origin, raster, tmp_path, command):
    targets = [{"name": "height", "mean": 0.0, "deviation": 1.0, "tolerance": 0.1}]
    Store(tmp_path).publish("plane", Dense(2, 1, 4).weights(), origin=origin, targets=targets)

    refused = command(
        *("evaluate", "plane", "--data", str(raster), "--heldout", "--store", str(tmp_path))
    )

    assert (refused.code, refused.out) == (2, "")
    assert "plane was not trained here on a field" in refused.err
