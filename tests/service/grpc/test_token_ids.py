"""Token ids over gRPC, raw as the real client sends them and in typed contents."""

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException

from model_store.store import Store
from tests.networks import texts
from tests.service import toys as service_toys
from tests.service.grpc import toys
from tests.service.protocol.test_texts import IDS, TEXTS, write_tokenizer

PADDED = np.array([[3, 1, 4, 0], [1, 5, 9, 2], [5, 0, 0, 0]])
MASK = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool)
NUMPY = {"BOOL": "?", "INT32": "i4", "INT64": "i8"}
LISTS = {"inputs": [row[there].tolist() for row, there in zip(PADDED, MASK, strict=True)]}


@pytest.fixture
async def served(tmp_path):
    store = Store(tmp_path / "store")
    words = texts.network("tokens")
    tokenizer = write_tokenizer(tmp_path / "tokenizer.json")
    facts = {"output": "token_logits", "mask_token": 9, "tokenizer": tokenizer}
    store.publish("words", words, origin=service_toys.ORIGIN, **facts)
    async with toys.running(store=store.root) as started:
        yield started


def inputs(mask: str) -> list[triton.InferInput]:
    given = {"mask": (MASK, mask), "input": (PADDED, "INT64")}
    made = []
    for name, (numbers, datatype) in given.items():
        sent = triton.InferInput(name, [*numbers.shape], datatype)
        sent.set_data_from_numpy(numbers.astype(NUMPY[datatype]))
        made.append(sent)
    return made


async def test_ids_masks_and_top_k_are_answered_as_over_http(served):
    _, http, client = served
    plain = (await http.post("/v1/models/words/predict", json=LISTS | {"top_k": 3})).json()

    for mask in ("BOOL", "INT32", "INT64"):
        answer = await client.infer("words", inputs(mask), parameters={"top_k": 3})
        assert answer.as_numpy("top_ids").tolist() == plain["top_ids"]
        assert np.allclose(answer.as_numpy("top_probabilities"), plain["top_probabilities"])


async def test_typed_contents_are_read_too(served):
    _, http, client = served
    plain = (await http.post("/v1/models/words/predict", json=LISTS)).json()
    request = service_pb2.ModelInferRequest(model_name="words")
    sent = request.inputs.add(name="input", datatype="INT64", shape=PADDED.shape)
    sent.contents.int64_contents.extend(PADDED.ravel().tolist())
    mask = request.inputs.add(name="mask", datatype="BOOL", shape=PADDED.shape)
    mask.contents.bool_contents.extend(MASK.ravel().tolist())

    answer = await client._client_stub.ModelInfer(request)

    assert np.allclose(answer.outputs[0].contents.fp32_contents, np.ravel(plain["outputs"]))


async def test_what_is_no_ids_is_refused_by_name(served):
    numbers = triton.InferInput("input", [1, 4], "FP32")
    numbers.set_data_from_numpy(np.zeros((1, 4), np.float32))

    with pytest.raises(InferenceServerException, match="takes token ids, INT64, not 'FP32'"):
        await served[2].infer("words", [numbers])


async def test_text_is_answered_as_its_ids(served):
    _, http, client = served
    asked = {"inputs": IDS, "top_k": 2}
    plain = (await http.post("/v1/models/words/predict", json=asked)).json()
    texts_sent = triton.InferInput("input", [2], "BYTES")
    texts_sent.set_data_from_numpy(np.array(TEXTS, object))
    raw = await client.infer("words", [texts_sent], parameters={"top_k": 2})

    request = service_pb2.ModelInferRequest(model_name="words")
    request.parameters["top_k"].int64_param = 2
    sent = request.inputs.add(name="input", datatype="BYTES", shape=[2])
    sent.contents.bytes_contents.extend(text.encode() for text in TEXTS)
    typed = await client._client_stub.ModelInfer(request)

    assert raw.as_numpy("top_ids").tolist() == plain["top_ids"]
    assert typed.outputs[0].contents.int64_contents == np.ravel(plain["top_ids"]).tolist()


async def test_a_long_text_is_read_in_a_thread_and_what_is_too_long_refused(served):
    sent = triton.InferInput("input", [1], "BYTES")
    sent.set_data_from_numpy(np.array(["cat   " * 400], object))

    with pytest.raises(InferenceServerException, match="1 to 40 tokens, it makes 400"):
        await served[2].infer("words", [sent])
