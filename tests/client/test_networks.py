"""The client on networks of several layers: images, leaves of every token, chosen paths."""

from collections.abc import Iterator

import numpy as np
import pytest
from fff_client import Client, RequestRefused

from model_store.store import Store
from tests import networks_made as made
from tests.service import toys

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 1, 28, 28), dtype=np.uint8)
COLOURS = np.random.default_rng(0).integers(0, 256, (3, 3, 8, 8), dtype=np.uint8)


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    store = Store(tmp_path_factory.mktemp("networks"))
    images = {"origin": made.ORIGIN, "uint8": made.PIXELS}
    store.publish("vit", made.vision_transformer(), **images)
    store.publish("colours", made.vision_transformer(image=(3, 8, 8)), **images)
    with toys.live("--store", str(store.root)) as service:
        yield service.url


@pytest.mark.parametrize("binary", [True, False], ids=["bytes", "json"])
def test_leaves_and_margins_are_of_every_layer_and_token_of_images_in_any_shape(url, binary):
    with Client(url, binary=binary) as client:
        outputs = ["logits", "leaf", "margin"]
        whole = client.predict("vit", IMAGES, outputs=outputs)  # more than one batch holds
        flat = client.predict("vit", IMAGES.reshape(30, 784), outputs=outputs)
        scaled = IMAGES * np.float32(made.PIXELS["scale"]) + np.float32(made.PIXELS["shift"])
        floats = client.predict("vit", scaled, outputs=outputs)

    assert whole.leaves.shape == whole.margins.shape == (30, 2, made.TOKENS)
    for other in (flat, floats):
        np.testing.assert_allclose(other.logits, whole.logits, atol=1e-5)
        near = (whole.leaves != other.leaves) & (whole.margins > 1e-3)
        assert not near.any()


@pytest.mark.parametrize("binary", [True, False], ids=["bytes", "json"])
def test_colours_are_sent_as_they_are_and_another_order_is_refused_by_shape(url, binary):
    with Client(url, binary=binary) as client:
        logits = client.predict("colours", COLOURS).logits
        flat = client.predict("colours", COLOURS.reshape(3, -1)).logits
        many = np.resize(COLOURS, (200, *COLOURS.shape[1:]))  # a body that is read in pieces
        explained = client.explain("colours", many, tokens=[0])
        with pytest.raises(RequestRefused, match=r"\[rows, 3, 8, 8\] or \[rows, 192\]"):
            client.predict("colours", COLOURS.transpose(0, 2, 3, 1))
        with pytest.raises(RequestRefused, match=r"\[rows, 3, 8, 8\] or \[rows, 192\]"):
            client.explain("colours", COLOURS.transpose(0, 2, 3, 1))

    np.testing.assert_allclose(logits, flat, atol=1e-6)
    found = [row["logits"] for row in explained["rows"]]
    np.testing.assert_allclose(found, np.resize(logits, (200, 10)), atol=1e-5)


def test_an_explanation_of_more_images_than_a_request_takes_comes_in_several(url):
    with Client(url) as client:
        names = [layer["name"] for layer in client.model("vit")["layers"]]
        explained = client.explain("vit", IMAGES, layer=names[1], tokens=np.array([0, 48]))
        leaves = client.predict("vit", IMAGES, outputs=["leaf"]).leaves

    tokens = [row["layers"][0]["tokens"] for row in explained["rows"]]
    assert [[token["token"] for token in row] for row in tokens] == [[0, 48]] * len(IMAGES)
    served = np.array([[token["served_leaf"] for token in row] for row in tokens])
    assert (served != leaves[:, 1, [0, 48]]).mean() < 0.05  # in batches of other sizes
    assert explained["differing"] == sum(token["differs"] for row in tokens for token in row)
