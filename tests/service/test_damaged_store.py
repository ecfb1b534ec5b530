"""A store in which every kind of damage occurs once: the good serve, each bad one is named."""

import json
import shutil

import httpx
import pytest

from tests.model_store.damage import DAMAGES
from tests.service import toys
from tests.service.test_process import run

BODY = {"inputs": [[0.0] * toys.WIDTH]}


@pytest.fixture
def damaged(toy_store):
    for kind in DAMAGES:
        shutil.copytree(toy_store.root / "toy", toy_store.root / kind)
        DAMAGES[kind][0](toy_store.root / kind / "1")
    return toy_store


def test_the_good_models_serve_and_each_bad_one_is_named_with_its_reason(damaged):
    with toys.live("--store", str(damaged.root)) as service:
        ready = httpx.get(f"{service.url}/readyz")
        index = {m["name"]: m for m in httpx.post(f"{service.url}/v2/repository/index").json()}
        answers = [
            httpx.post(f"{service.url}/v1/models/{name}/predict", json=BODY).status_code
            for name in ("toy", "toy-dense", "pipe")
        ]
        metrics = httpx.get(f"{service.url}/metrics").text
        code = service.stop()

    assert (ready.status_code, answers, code) == (200, [200, 200, 404], 0)
    assert index.keys() == {*DAMAGES, "toy", "toy-dense"}
    for name, entry in index.items():
        if name in DAMAGES:
            assert (entry["state"], entry["version"]) == ("UNAVAILABLE", "1")
            assert DAMAGES[name][1] in entry["reason"]
            assert str(damaged.root) not in entry["reason"]
            assert any(f"not served: model '{name}' version 1" in line for line in service.log)
        else:
            assert (entry["state"], entry["reason"]) == ("READY", "")
    assert f"fff_models_failed {len(DAMAGES)}.0" in metrics
    assert f"fff_load_failures_total {len(DAMAGES)}.0" in metrics


def test_list_reads_no_weights_and_names_what_it_sees(damaged):
    listed = run("list", "--store", str(damaged.root))
    as_json = json.loads(run("list", "--json", "--store", str(damaged.root)).stdout)

    assert listed.returncode == 0
    problems = {m["name"]: m["problem"] for m in as_json["models"]}
    assert problems["toy"] == problems["toy-dense"] == ""
    # What only reading the weights shows is left to verify.
    unseen = {name for name in DAMAGES if not problems[name]}
    assert unseen == {"short-file", "empty-file", "changed-file"}
    for name in DAMAGES.keys() - unseen:
        assert DAMAGES[name][1] in problems[name]
        assert f"damaged: {problems[name]}" in listed.stdout.splitlines()


def test_verify_names_every_fault_and_exits_1(damaged):
    verified = run("verify", "--store", str(damaged.root))
    as_json = json.loads(run("verify", "--json", "--store", str(damaged.root)).stdout)

    assert verified.returncode == 1
    assert verified.stdout.count(": ok") == 2
    problems = {entry["name"]: entry["problem"] for entry in as_json["versions"]}
    for name in DAMAGES:
        assert DAMAGES[name][1] in problems[name]
        assert f"damaged: {problems[name]}" in verified.stdout.splitlines()


def test_show_reads_the_manifest_alone(damaged):
    shown = run("show", "short-file", "--store", str(damaged.root))
    refused = run("show", "pipe-manifest", "--store", str(damaged.root))

    assert (shown.returncode, json.loads(shown.stdout)["kind"]) == (0, "fff")
    assert (refused.returncode, "it is a pipe" in refused.stderr) == (1, True)


def test_where_no_model_can_be_loaded_the_start_fails_and_says_why(toy_store):
    for name in ("toy", "toy-dense"):
        DAMAGES["lfs-pointer"][0](toy_store.root / name / "1")

    with toys.live("--store", str(toy_store.root)) as service:
        code = service.process.wait(60)

    assert code == 1
    assert service.log[-1].startswith(
        "fff-serve: model 'toy' version 1: model.safetensors is a Git"
    )


async def test_readiness_may_require_every_model(toy_store):
    """Until the missing one is mended and loaded; what is served is served meanwhile."""
    toy_store.publish("third", toy_store.load("toy").weights, origin=toys.ORIGIN)
    good = toy_store.root / "third" / "1" / "model.safetensors"
    kept = good.read_bytes()
    DAMAGES["changed-file"][0](good.parent)

    required = {"admin_key": "key", "require_all_models": True}
    async with toys.running(store=toy_store.root, **required) as (app, client):
        probes = [await client.get(path) for path in ("/readyz", "/v2/health/ready")]
        text = (await client.get("/metrics")).text
        answered = await client.post("/v1/models/toy/predict", json=BODY)
        good.write_bytes(kept)
        await app.state.repository.load("third")
        after = await client.get("/readyz")

    assert [probe.status_code for probe in probes] == [503, 503]
    assert probes[0].json()["error"] == "not every model could be loaded: third"
    assert "fff_ready 0.0" in text
    assert (answered.status_code, after.status_code) == (200, 200)


async def test_an_older_version_is_never_served_in_place_of_a_damaged_one(toy_store):
    newest = toys.publish_another(toy_store)
    DAMAGES["changed-file"][0](toy_store.root / "toy" / str(newest))

    async with toys.running(store=toy_store.root) as (app, client):
        refused = await client.post("/v1/models/toy/predict", json=BODY)
        states = [entry["state"] for entry in await app.state.repository.index()]

    assert refused.status_code == 404
    assert states == ["UNAVAILABLE", "UNAVAILABLE", "READY"]


async def test_a_model_whose_folder_cannot_be_listed_is_in_the_index(toy_store):
    (toy_store.root / "circle").symlink_to("circle")

    async with toys.running(store=toy_store.root) as (_, client):
        index = (await client.post("/v2/repository/index")).json()

    assert index[0]["name"] == "circle"
    assert index[0]["state"] == "UNAVAILABLE"
    assert "its folder cannot be listed: Too many levels" in index[0]["reason"]
