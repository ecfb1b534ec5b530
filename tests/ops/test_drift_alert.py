"""
Published checkpoints, their own rule file and a real Prometheus: when drift and death are called.

Each model has a window of its own, so one service under several names holds every case.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fff_client import Client
from sklearn.datasets import load_digits

from evaluation.datasets import load_idx_images
from evaluation.evaluate import evaluate, reference_leaf_rows
from model_store.importers import import_checkpoint
from model_store.manifest import ImportOrigin, Uint8Scaling
from model_store.store import Store
from tests.conftest import shared
from tests.ops.live_prometheus import LivePrometheus, live_prometheus, until
from tests.service import toys

pytestmark = pytest.mark.shared
ABOUT_DATA = {"FFFRoutingDrift", "FFFLeavesDied"}  # how quick it is, depends on the machine
SCALING = Uint8Scaling(scale=2 / 255, shift=-1.0)  # ../shared/checkpoints/README.md
CASES = ("replayed", "fresh", "inverted", "digits")
CHECKPOINTS = dict.fromkeys(CASES, "model_l8_d4_a1_h1_master3-95.1") | {
    "many-dead": "model_l1_d7_a1_h1_master0-91.6"
}


@pytest.fixture(scope="module")
def store(tmp_path_factory, efff_checkpoints: dict[str, Path]) -> Store:
    """One checkpoint a case, its reference counted on a third of MNIST's training images."""
    store = Store(tmp_path_factory.mktemp("drift") / "store")
    train = load_idx_images(shared("data/mnist") / "train-images-idx3-ubyte.gz")
    for file in set(CHECKPOINTS.values()):
        imported = import_checkpoint(efff_checkpoints[file])
        reference = reference_leaf_rows(imported.weights, SCALING, train[:20_000])
        origin = ImportOrigin(format=imported.format, sha256=imported.sha256)
        for name in (case for case, wanted in CHECKPOINTS.items() if wanted == file):
            store.publish(
                name,
                imported.weights,
                origin=origin,
                uint8=SCALING,
                reference_leaf_rows=reference,
            )
    return store


@pytest.fixture(scope="module")
def service(store) -> Iterator[toys.LiveService]:
    with toys.live("--store", str(store.root)) as service:
        yield service


@pytest.fixture(scope="module")
def prometheus(service, tmp_path_factory) -> Iterator[LivePrometheus]:
    with live_prometheus(service.url, tmp_path_factory.mktemp("prometheus")) as prometheus:
        yield prometheus


@pytest.fixture(scope="module")
def feed(service, prometheus):
    """Send rows to a model, and return once the leaves' rules were evaluated on all of them."""
    sent = dict.fromkeys(CHECKPOINTS, 0)

    with Client(service.url) as client:

        def feed(model: str, rows: np.ndarray) -> None:
            client.predict(model, rows)
            sent[model] += len(rows)
            prometheus.has_judged("fff-leaves", model, sent[model])

        yield feed


def leaves_page(url: str, model: str) -> dict[str, Any]:
    answer = httpx.get(f"{url}/v1/models/{model}/leaves", trust_env=False)
    page: dict[str, Any] = answer.json()
    return page


def other_digits() -> np.ndarray:
    """Scikit-learn's handwritten digits, `[1797, 784]`: 8 x 8 pixels, each as 3 x 3 of 28 x 28."""
    large = np.kron(load_digits().images, np.ones((3, 3)))  # [1797, 24, 24], 0 to 16
    framed = np.pad(large, ((0, 0), (2, 2), (2, 2)))
    pixels: np.ndarray = np.minimum(framed * 16, 255).astype(np.uint8)
    return pixels.reshape(len(framed), -1)


@pytest.mark.parametrize(
    ("model", "images"),
    [("inverted", lambda test: 255 - test), ("digits", lambda _: other_digits())],
    ids=["inverted", "digits"],
)
def test_other_images_raise_the_drift_alert(feed, prometheus, mnist_test, model, images):
    feed(model, images(mnist_test[0]))

    until(lambda: prometheus.alerts(model).keys() >= ABOUT_DATA, f"{ABOUT_DATA} about {model}")
    annotations = prometheus.alerts(model)["FFFRoutingDrift"]
    assert model in annotations["summary"]
    assert "error" not in " ".join(annotations.values())  # in a template of ours


def test_the_test_set_replayed_ten_times_in_shuffled_order_raises_nothing(
    feed, prometheus, mnist_test
):
    chance = np.random.default_rng(0)
    for _ in range(10):
        feed("replayed", chance.permutation(mnist_test[0]))

    prometheus.says('fff_leaf_window_rows{model="replayed"}', 10_000)
    assert not prometheus.ever_alerted("replayed") & ABOUT_DATA


def test_the_first_few_hundred_rows_of_a_fresh_start_raise_nothing(feed, prometheus, mnist_test):
    for rows in np.split(mnist_test[0][:600], [10, 30, 60, 100, 200, 400]):
        feed("fresh", rows)

    assert not prometheus.ever_alerted("fresh") & ABOUT_DATA


@pytest.mark.parametrize("model", ["replayed", "many-dead"])
def test_served_dead_leaves_are_those_of_the_offline_evaluation(
    feed, prometheus, service, store, mnist_test, model
):
    """After one pass the window is the test set; dead by training is no alarm."""
    feed(model, mnist_test[0])
    offline = evaluate(store.load(model), *mnist_test)
    dead = [leaf for leaf, share in enumerate(offline.leaf_shares) if share == 0]

    (layer,) = leaves_page(service.url, model)["layers"]

    assert layer["dead"] == dead
    assert len(dead) == {"replayed": 2, "many-dead": 52}[model]
    prometheus.says(f'fff_leaves_dead{{model="{model}"}}', len(dead))
    assert layer["unexpectedly_dead"] == []
    assert not prometheus.ever_alerted(model) & ABOUT_DATA
