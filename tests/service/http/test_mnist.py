"""A published checkpoint, served: all 10,000 test images come back as the offline evaluation."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection

import numpy as np
import orjson
import pytest
import torch

from model_store.importers import import_checkpoint
from model_store.manifest import ImportOrigin, Uint8Scaling
from model_store.store import Store
from networks.backends import build_backend
from tests.service import toys

CHECKPOINT = "model_l8_d4_a1_h1_master3-95.1"
CLIENTS = 32


@pytest.fixture(scope="module")
def mnist_store(tmp_path_factory, efff_checkpoints) -> Store:
    imported = import_checkpoint(efff_checkpoints[CHECKPOINT])
    store = Store(tmp_path_factory.mktemp("mnist"))
    store.publish(
        "mnist",
        imported.weights,
        origin=ImportOrigin(format=imported.format, sha256=imported.sha256),
        uint8=Uint8Scaling(scale=2 / 255, shift=-1.0),
    )
    return store


@pytest.fixture(scope="module")
def offline(mnist_store, mnist_test) -> tuple[np.ndarray, np.ndarray]:
    """Classes and leaves, all images in one batch."""
    checkpoint = mnist_store.load("mnist")
    rows = checkpoint.manifest.uint8.decode(mnist_test[0])
    predicted = build_backend(checkpoint.weights, torch.device("cpu")).infer(torch.from_numpy(rows))
    return predicted.logits.argmax(1).numpy(), predicted.leaf.numpy()[:, 0]


def send_all(url: str, images: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Send every image by 32 clients at once, in requests of `rows`."""
    starts = iter(range(0, len(images), rows))
    classes, leaves = np.full(len(images), -1), np.full(len(images), -1)
    outputs = [{"name": "class"}, {"name": "leaf"}]

    def client(_: int) -> None:
        with closing(HTTPConnection(url.removeprefix("http://"), timeout=60)) as http:
            for start in starts:
                part = images[start : start + rows]
                tensor = {"name": "input", "shape": part.shape, "datatype": "UINT8"}
                body = {"inputs": [tensor | {"data": part.ravel()}], "outputs": outputs}
                content = orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
                http.request("POST", "/v2/models/mnist/infer", content)
                answer = orjson.loads(http.getresponse().read())
                of = slice(start, start + len(part))
                classes[of], leaves[of] = (tensor["data"] for tensor in answer["outputs"])

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(client, range(CLIENTS)))
    return classes, leaves


@pytest.mark.shared
@pytest.mark.parametrize("rows", [1, 64])
def test_all_test_images_have_the_offline_classes_and_leaves(
    mnist_store, mnist_test, offline, rows
):
    with toys.live("--store", str(mnist_store.root)) as service:
        classes, leaves = send_all(service.url, mnist_test[0], rows)

    assert (leaves == offline[1]).all()
    assert (classes == offline[0]).all()
    assert (classes == mnist_test[1]).mean() == pytest.approx(0.951, abs=5e-5)
