"""The client on networks that predict values: they are values, and never a class."""

import numpy as np
import pytest
from fff_client import Client, RequestRefused

from tests.service import regression, toys

ROWS = np.random.default_rng(0).normal(size=(40, toys.WIDTH)).astype(np.float32)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    store = regression.make_store(tmp_path_factory.mktemp("regression") / "store")
    with toys.live("--store", str(store.root)) as service:
        yield service.url


@pytest.fixture(params=[True, False], ids=["binary", "json"])
def client(url, request):
    with Client(url, binary=request.param, max_rows=7) as client:
        yield client


def test_a_regression_has_values_and_no_classes(client):
    prediction = client.predict("terrain", ROWS, outputs=["logits", "leaf"])

    assert prediction.task == "regression"
    np.testing.assert_array_equal(prediction.values, prediction.logits)
    assert prediction.values.shape == (40, 2)
    with pytest.raises(AttributeError, match=r"'terrain' is a regression, .*: read values"):
        _ = prediction.classes
    with pytest.raises(AttributeError, match="outputs must name 'probabilities'"):
        _ = prediction.probabilities


def test_a_classification_has_classes_and_no_values(client):
    prediction = client.predict("pets", ROWS)

    assert prediction.task == "classification"
    assert (prediction.classes == prediction.logits.argmax(1)).all()
    with pytest.raises(AttributeError, match=r"'pets' is a classification, .*: read classes"):
        _ = prediction.values


def test_classes_of_a_regression_are_refused_by_the_service(client):
    with pytest.raises(RequestRefused, match="no classes"):
        client.predict("terrain", ROWS, outputs="class")
    with pytest.raises(RequestRefused, match="labels are classes"):
        client.compare("terrain", ROWS, np.zeros(40, int))


def test_a_comparison_says_how_near_each_value_is_to_the_baselines(client):
    comparison = client.compare("terrain", ROWS)

    difference = np.abs(comparison.fff.logits.astype(np.float64) - comparison.dense.logits)
    assert comparison.task == "regression"
    assert comparison.targets is not None
    near = [difference[:, k] <= t["tolerance"] for k, t in enumerate(comparison.targets)]
    assert comparison.agreement == np.logical_and(*near).mean()
    assert [t["largest_difference"] for t in comparison.targets] == difference.max(0).tolist()


def test_a_model_is_described_with_its_targets(client):
    described = client.model("terrain")

    assert described["task"] == "regression"
    named = {target["name"]: target["unit"] for target in described["targets"]}
    assert named == regression.UNITS
