"""The real Triton client drives a running service through everything it can ask of it."""

from collections.abc import Iterator

import ml_dtypes
import numpy as np
import pytest
import tritonclient.http
from tritonclient.utils import InferenceServerException

from service.protocol.outputs import OUTPUTS
from tests.service import toys

KEY = "correct horse battery staple"
ADMIN = {"Authorization": f"Bearer {KEY}"}
ROWS = np.random.default_rng(0).normal(size=(3, toys.WIDTH)).astype(np.float32)


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[toys.LiveService]:
    store = toys.make_store(tmp_path_factory.mktemp("protocol") / "store")
    limits = {"FFF_MAX_BODY_BYTES": "100000", "FFF_ADMIN_KEY": KEY}
    with toys.live("--store", str(store.root), "--device", "cpu", **limits) as service:
        yield service


@pytest.fixture
def client(service) -> Iterator[tritonclient.http.InferenceServerClient]:
    address = service.url.removeprefix("http://")
    with tritonclient.http.InferenceServerClient(address, concurrency=4) as client:
        yield client


def tensor(rows=ROWS, datatype="FP32", binary=True):
    made = tritonclient.http.InferInput("input", list(rows.shape), datatype)
    made.set_data_from_numpy(rows, binary_data=binary)
    return made


def logits(client, *inputs, **more) -> np.ndarray:
    rows: np.ndarray = client.infer("toy", list(inputs), **more).as_numpy("logits")
    return rows


def test_health_and_metadata(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("toy")
    assert client.is_model_ready("toy", "1")
    assert not client.is_model_ready("toy", "2")
    assert not client.is_model_ready("nope")
    server, model = client.get_server_metadata(), client.get_model_metadata("toy", "1")
    assert server["name"] == "fff-serve"
    assert {"binary_tensor_data", "model_repository", "statistics"} <= {*server["extensions"]}
    assert (model["name"], model["versions"], model["inputs"][0]["shape"]) == (
        "toy",
        ["1"],
        [-1, 6],
    )


def test_the_configuration_says_what_perf_analyzer_asks(client):
    config, metadata = client.get_model_config("toy"), client.get_model_metadata("toy")

    assert client.get_model_config("toy", "1") == config
    assert (config["name"], config["max_batch_size"]) == ("toy", 1024)
    (given,) = config["input"]
    assert (given["name"], given["data_type"], given["dims"]) == ("input", "TYPE_FP32", [6])
    assert [o["name"] for o in config["output"]] == [o["name"] for o in metadata["outputs"]]
    assert [o["data_type"] for o in config["output"]] == [
        f"TYPE_{o['datatype']}" for o in metadata["outputs"]
    ]
    assert all(len(output["dims"]) == 1 for output in config["output"])


def test_binary_is_the_default_and_json_gives_the_same_bits(client):
    binary = client.infer("toy", [tensor()])

    assert binary.get_output("logits")["parameters"] == {"binary_data_size": 3 * toys.OUTPUTS * 4}
    wanted = [tritonclient.http.InferRequestedOutput("logits", binary_data=False)]
    json = client.infer("toy", [tensor(binary=False)], outputs=wanted)
    assert "data" in json.get_output("logits")
    assert (json.as_numpy("logits") == binary.as_numpy("logits")).all()


def test_id_priority_timeout_and_version_go_with_a_request(client):
    more = {"request_id": "seven", "priority": 1, "timeout": 10_000_000, "model_version": "1"}
    for binary in (True, False):
        answer = client.infer("toy", [tensor(binary=binary)], **more).get_response()
        assert (answer["id"], answer["model_name"], answer["model_version"]) == (
            "seven",
            "toy",
            "1",
        )


def test_some_outputs_as_bytes_and_some_as_json(client):
    names = list(OUTPUTS)
    wanted = [
        tritonclient.http.InferRequestedOutput(name, binary_data=k % 2 == 0)
        for k, name in enumerate(names)
    ]

    result = client.infer("toy", [tensor()], outputs=wanted)

    described = result.get_response()["outputs"]
    assert [output["name"] for output in described] == names
    assert ["data" in output for output in described] == [False, True, False, True, False]
    assert (result.as_numpy("logits").argmax(1) == result.as_numpy("class")).all()
    assert result.as_numpy("leaf").shape == result.as_numpy("margin").shape == (3, 1)
    np.testing.assert_allclose(result.as_numpy("probabilities").sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compression_both_ways(client, algorithm):
    rows = np.repeat(ROWS, 200, axis=0)  # an answer large enough to be worth it
    compressed = {
        "request_compression_algorithm": algorithm,
        "response_compression_algorithm": algorithm,
    }

    assert (logits(client, tensor(rows), **compressed) == logits(client, tensor(rows))).all()


def test_many_requests_at_once_get_their_own_answers(client):
    alone = [logits(client, tensor(ROWS[[k]])) for k in range(3)]

    asked = [client.async_infer("toy", [tensor(ROWS[[k % 3]])]) for k in range(30)]

    for k, waiting in enumerate(asked):
        assert (waiting.get_result().as_numpy("logits") == alone[k % 3]).all()


def test_half_precision_arrives_as_the_numbers_it_holds(client):
    for datatype, kind in (("FP16", np.float16), ("BF16", ml_dtypes.bfloat16)):
        half = ROWS.astype(kind)
        exact = half.astype(np.float32)
        assert (logits(client, tensor(half, datatype)) == logits(client, tensor(exact))).all()


def test_pixels_are_scaled_as_the_manifest_says(client):
    pixels = np.arange(12, dtype=np.uint8).reshape(2, toys.WIDTH) * 20
    scaled = (pixels * np.float32(1 / 255) - np.float32(0.5)).astype(np.float32)

    as_bytes = logits(client, tensor(pixels, "UINT8"))

    assert (as_bytes == logits(client, tensor(pixels, "UINT8", binary=False))).all()
    np.testing.assert_allclose(as_bytes, logits(client, tensor(scaled)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "rows", "status", "said"),
    [
        pytest.param("nope", ROWS, "404", "'nope' is not served", id="unknown"),
        pytest.param("toy", ROWS[:, :2], "400", r"\[rows, 6\]", id="width"),
        pytest.param("toy", ROWS * np.nan, "400", "got NaN or infinity", id="nan"),
        pytest.param("toy", np.zeros((1025, 6), np.float32), "413", "1024 rows", id="rows"),
        pytest.param("toy", np.zeros((9999, 6), np.float32), "413", "100000 bytes", id="bytes"),
    ],
)
def test_an_error_reaches_the_caller_with_its_status_and_reason(client, model, rows, status, said):
    with pytest.raises(InferenceServerException, match=said) as caught:
        client.infer(model, [tensor(rows)])
    assert caught.value.status() == status


def test_statistics_count_rows_and_batches(client):
    before = client.get_inference_statistics("toy", "1")["model_stats"][0]

    for _ in range(4):
        client.infer("toy", [tensor()])

    (after,) = client.get_inference_statistics("toy")["model_stats"]
    assert after["inference_count"] - before["inference_count"] == 12
    assert after["execution_count"] - before["execution_count"] == 4
    took, took_before = after["inference_stats"], before["inference_stats"]
    assert took["success"]["count"] - took_before["success"]["count"] == 4
    assert took["queue"]["count"] == took["compute_infer"]["count"]
    every = client.get_inference_statistics()["model_stats"]
    assert [model["name"] for model in every] == ["toy", "toy-dense"]


def test_the_repository_lists_unloads_and_loads(client):
    before = client.get_model_repository_index()
    assert [(m["name"], m["version"], m["state"]) for m in before] == [
        ("toy", "1", "READY"),
        ("toy-dense", "1", "READY"),
    ]

    client.unload_model("toy-dense", headers=ADMIN)
    states = {m["name"]: (m["state"], m["reason"]) for m in client.get_model_repository_index()}
    assert states == {"toy": ("READY", ""), "toy-dense": ("UNAVAILABLE", "unloaded")}
    assert not client.is_model_ready("toy-dense")
    with pytest.raises(InferenceServerException, match="not served") as caught:
        client.infer("toy-dense", [tensor()])
    assert caught.value.status() == "404"

    client.load_model("toy-dense", headers=ADMIN)
    assert client.get_model_repository_index() == before
    assert client.infer("toy-dense", [tensor()]).as_numpy("logits").shape == (3, toys.OUTPUTS)


@pytest.mark.parametrize(
    ("call", "status", "said"),
    [
        pytest.param(lambda c: c.load_model("toy"), "401", "Bearer KEY", id="no-key"),
        pytest.param(
            lambda c: c.unload_model("toy", headers={"Authorization": "Bearer x"}),
            "401",
            "another one",
            id="wrong-key",
        ),
        pytest.param(
            lambda c: c.load_model("nope", headers=ADMIN), "404", "not in the store", id="unknown"
        ),
        pytest.param(
            lambda c: c.load_model("toy", headers=ADMIN, config="{}"), "400", "config", id="config"
        ),
        pytest.param(
            lambda c: c.load_model(
                "toy", headers=ADMIN, config="{}", files={"file:1/model.safetensors": b"x"}
            ),
            "400",
            "file:1/model.safetensors",
            id="file",
        ),
    ],
)
def test_what_the_repository_refuses(client, call, status, said):
    with pytest.raises(InferenceServerException, match=said) as caught:
        call(client)
    assert caught.value.status() == status
    assert client.is_model_ready("toy")
