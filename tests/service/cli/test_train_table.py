"""From a CSV file to networks in the store, back to what they reach, and to answers by name."""

import asyncio
import csv
import json
from pathlib import Path

import numpy as np
import pytest

from model_store.manifest import FFFManifest
from model_store.store import Store
from tests.service import toys

QUICK = (
    *("--set", "epochs=3", "--set", "depth=2", "--set", "least_rows=40"),
    *("--set", "leaf_width=4", "--set", "hidden_width=8"),
)
CITIES = ("Aix", "Bonn", "Cork")


@pytest.fixture(scope="module")
def flats(tmp_path_factory) -> Path:
    """Prices that depend on area and city; `dear` says which are above the middle."""
    rng = np.random.default_rng(0)
    path = Path(tmp_path_factory.mktemp("data")) / "flats.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "area", "city", "rooms", "price", "dear"))
        for number in range(600):
            area, city, rooms = round(rng.uniform(20, 120), 1), rng.integers(3), rng.integers(1, 6)
            price = round(1000 * area * (1, 2, 4)[city] + 5000 * rooms)
            writer.writerow((number, area, CITIES[city], rooms, price, price > 150_000))
    return path


def train(command, data, store, target, *more):
    trained = command(
        *("train", "table", "--data", str(data), "--target", target, "--name", "flats"),
        *("--leave-out", "id", "--store", str(store), *QUICK, *more, "--json"),
    )
    assert trained.code == 0, trained.err
    return json.loads(trained.out)["models"]


async def test_a_table_becomes_networks_that_answer_rows_by_name(flats, tmp_path, command):
    more = ("--baseline", "all", "--category", "rooms", "--leave-out", "dear")
    models = train(command, flats, tmp_path, "price", *more)
    names = ["flats", "flats-dense", "flats-low-rank", "flats-multilayer"]
    assert [model["name"] for model in models] == names
    manifest = Store(tmp_path).manifest("flats")
    assert isinstance(manifest, FFFManifest)
    inputs = manifest.inputs or []
    assert [column.name for column in inputs] == ["area", "city", "rooms"]
    assert [column.type for column in inputs] == ["number", "category", "category"]
    assert [target.name for target in manifest.targets or []] == ["price"]
    assert [sum(layer) for layer in manifest.reference_leaf_rows or []] == [480]

    store = ("--store", str(tmp_path), "--json")
    held_out = ("--data", str(flats), "--heldout", *store)
    alone = json.loads(command("evaluate", "flats", *held_out).out)
    compared = json.loads(command("compare", "flats", *held_out).out)
    assert alone["rows"] == compared["agreement"]["rows"] == 120
    assert alone["rmse"] == pytest.approx(models[0]["metrics"]["test_rmse"])
    assert compared["fff"]["rmse"] == pytest.approx(alone["rmse"])
    everything = json.loads(command("evaluate", "flats", "--data", str(flats), *store).out)
    assert everything["rows"] == 600

    rows = [{"area": 50.5, "city": "Cork", "rooms": 3}, {"area": 99, "city": "Aix", "rooms": 1}]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    where = ("predict", "flats", str(tmp_path / "rows.json"), *store)
    offline = await asyncio.to_thread(command, *where)
    async with toys.running(store=tmp_path) as (_, client):
        served = await client.post("/v1/models/flats/predict", json={"rows": rows})
    assert served.status_code == 200
    assert served.json().items() <= json.loads(offline.out).items()


def test_classes_are_measured_as_those_of_images_are(flats, tmp_path, command):
    models = train(command, flats, tmp_path, "dear", "--leave-out", "price")
    manifest = Store(tmp_path).manifest("flats")
    assert (manifest.class_column, manifest.classes) == ("dear", ["false", "true"])

    held_out = ("--data", str(flats), "--heldout", "--store", str(tmp_path), "--json")
    alone = json.loads(command("evaluate", "flats", *held_out).out)
    compared = json.loads(command("compare", "flats", *held_out).out)

    metrics = models[0]["metrics"]
    assert alone["hard_accuracy"] == metrics["test_hard_accuracy"] > 0.8
    assert alone["nll"] == pytest.approx(metrics["test_nll"])
    assert [compared[side]["accuracy"] for side in ("fff", "dense")] == [
        model["metrics"]["test_hard_accuracy"] for model in models
    ]


def test_every_seed_is_tested_on_the_same_rows(flats, tmp_path, command):
    more = ("--leave-out", "dear", "--baseline", "none", "--seeds", "2")
    train(command, flats, tmp_path, "price", *more)
    origins = [Store(tmp_path).manifest(f"flats-{seed}").origin for seed in (0, 1)]

    tests, metrics = (
        [getattr(origin, field) for origin in origins] for field in ("test_sha256", "metrics")
    )

    assert tests[0] == tests[1]
    assert metrics[0] != metrics[1]


def test_a_field_is_learnt_from_a_table_with_coordinates(flats, tmp_path, command):
    trained = command(
        *("train", "field", "--data", str(flats), "--target", "price", "--name", "flats"),
        *("--leave-out", "id", "--leave-out", "dear", "--leave-out", "city"),
        *("--baseline", "none", "--set", "depth=2", "--store", str(tmp_path), "--json"),
    )
    (model,) = json.loads(trained.out)["models"]
    where = ("--data", str(flats), "--heldout", "--store", str(tmp_path), "--json")

    alone = json.loads(command("evaluate", "flats", *where).out)

    inputs = Store(tmp_path).manifest("flats").inputs or []
    assert [column.name for column in inputs] == ["area", "rooms"]
    assert alone["rmse"] == pytest.approx(model["metrics"]["test_rmse"])


def test_rows_that_a_model_cannot_be_measured_on_are_told(flats, tmp_path, command):
    train(command, flats, tmp_path, "price", "--leave-out", "dear", "--baseline", "none")
    head = "area,city,rooms,price\n50,Aix,1,60000\n"
    (tmp_path / "city.csv").write_text(head + "50,Rome,1,60000\n")
    (tmp_path / "none.csv").write_text(head + "50,Aix,,60000\n")
    told: dict[tuple[str, ...], str] = {
        ("city.csv",): "row 2 after the header, column 'city': one of 'Aix', 'Bonn', 'Cork'",
        ("none.csv",): "row 2 after the header, column 'rooms': a number was expected, got none",
        ("city.csv", "--target", "price"): "a table's is in the manifest",
    }
    for (file, *more), message in told.items():
        data = ("--data", str(tmp_path / file), "--store", str(tmp_path))
        failed = command("evaluate", "flats", *data, *more)
        assert failed.code in (1, 2)
        assert message in " ".join(failed.err.split())

    lines = flats.read_text().splitlines(keepends=True)
    (tmp_path / "fewer.csv").write_text("".join(lines[:500]))
    held_out = ("--data", str(tmp_path / "fewer.csv"), "--heldout", "--store", str(tmp_path))
    failed = command("evaluate", "flats", *held_out)
    assert failed.code == 2
    assert "is not what flats was tested on" in " ".join(failed.err.split())


MISTAKES: dict[str, tuple[tuple[str, ...], str]] = {
    "no-data": (("--target", "price"), "a CSV or Parquet file, or a folder"),
    "no-target": (("--data", "FILE"), "--target must name the column"),
    "unknown-target": (("--data", "FILE", "--target", "cost"), "there is no column 'cost'"),
    "unknown-rival": (
        ("--data", "FILE", "--target", "price", "--baseline", "moe"),
        "one of dense,",
    ),
    "depth": (("--data", "FILE", "--target", "price", "--set", "depth=40"), "must be 0 to 12"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_clear_line(name, command, flats, tmp_path):
    arguments, message = MISTAKES[name]
    given = [str(flats) if each == "FILE" else each for each in arguments]

    failed = command("train", "table", "--name", "m", "--store", str(tmp_path), *given)

    assert failed.code in (1, 2)
    assert message in " ".join(failed.err.split())
