"""What a binary request can get wrong: each is told with what was expected and what came."""

import asyncio
import gzip
import json
import tracemalloc
import zlib

import numpy as np
import pytest

from tests.service import toys

INFER = "/v2/models/toy/infer"
ROWS = np.random.default_rng(0).normal(size=(2, toys.WIDTH)).astype(np.float32)
RAW = ROWS.astype("<f4").tobytes()  # 48 bytes


def header(top=None, parameters=None, **changes) -> bytes:
    """The JSON part of a request for `RAW`, as bytes."""
    size = {"binary_data_size": 48} | (parameters or {})
    tensor = {"name": "input", "shape": [2, 6], "datatype": "FP32", "parameters": size}
    return json.dumps({"inputs": [tensor | changes]} | (top or {})).encode()


async def post(client, head: bytes, raw: bytes = RAW, length: object = None, **headers: str):
    """Post a JSON part and bytes; `length` where the header is to say something else."""
    said = str(len(head) if length is None else length)
    headers = {"inference-header-content-length": said} | headers
    return await client.post(INFER, content=head + raw, headers=headers)


async def good(client) -> bytes:
    """Bytes of the right answer."""
    answer = await post(client, header({"parameters": {"binary_data_output": True}}))
    assert answer.status_code == 200, answer.text
    body: bytes = answer.content
    return body[int(answer.headers["inference-header-content-length"]) :]


HEADER = header()
TWICE = json.dumps({"inputs": json.loads(HEADER)["inputs"] * 2}).encode()
CASES = [
    pytest.param(HEADER, RAW, "x", "bytes >= 0, got 'x'", id="length-not-a-number"),
    pytest.param(HEADER, RAW, "-1", "bytes >= 0, got '-1'", id="length-negative"),
    pytest.param(HEADER, RAW, "+1", "bytes >= 0, got '+1'", id="length-with-a-sign"),
    pytest.param(HEADER, RAW, "1e2", "bytes >= 0, got '1e2'", id="length-with-an-exponent"),
    pytest.param(HEADER, RAW, "9" * 5000, "is 999999999999999999…, the body has", id="length-huge"),
    pytest.param(
        HEADER, RAW, 9999, f"is 9999, the body has {len(HEADER) + 48}", id="length-beyond"
    ),
    pytest.param(HEADER, RAW, len(HEADER) - 5, "must be JSON", id="length-cuts-the-json"),
    pytest.param(HEADER, RAW, len(HEADER) + 5, "must be JSON", id="length-into-the-bytes"),
    pytest.param(HEADER, RAW[:-1], None, "is 48; 47 bytes follow", id="too-few-bytes"),
    pytest.param(HEADER, RAW + b"x", None, "is 48; 49 bytes follow", id="trailing-bytes"),
    pytest.param(HEADER, b"", None, "is 48; 0 bytes follow", id="no-bytes"),
    pytest.param(
        header(parameters={"binary_data_size": 44}),
        RAW[:44],
        None,
        "2 rows of 6 FP32 are 48 bytes, got 44",
        id="size-is-not-the-shapes",
    ),
    pytest.param(
        header(shape=[2**62, 6]), RAW, None, f"are {2**62 * 24} bytes, got 48", id="overflow"
    ),
    pytest.param(
        header(shape=[2**64, 6]), RAW, None, "got [1.8446744073709552e+19, 6]", id="beyond-64-bits"
    ),
    pytest.param(header(shape=[-2, 6]), RAW, None, "got [-2, 6]", id="negative-dimension"),
    pytest.param(header(shape=[2.0, 6]), RAW, None, "got [2.0, 6]", id="fractional-dimension"),
    pytest.param(header(shape=[12]), RAW, None, "got [12]", id="one-dimension"),
    pytest.param(header(shape=[1, 2, 6]), RAW, None, "got [1, 2, 6]", id="three-dimensions"),
    pytest.param(header(shape=[0, 6]), b"", None, "rows >= 1, got [0, 6]", id="no-rows"),
    pytest.param(
        header(parameters={"binary_data_size": -48}), RAW, None, ">= 0, got -48", id="negative-size"
    ),
    pytest.param(
        header(parameters={"binary_data_size": "48"}), RAW, None, "got '48'", id="size-as-text"
    ),
    pytest.param(
        header(parameters={"binary_data_size": True}), RAW, None, "got True", id="size-as-truth"
    ),
    pytest.param(header(data=[0.0] * 12), RAW, None, "not both", id="data-and-bytes"),
    pytest.param(header(datatype="FP64"), RAW, None, "got 'FP64'", id="datatype"),
    pytest.param(header(datatype="BYTES"), RAW, None, "got 'BYTES'", id="datatype-bytes"),
    pytest.param(header(datatype="x" * 10**4), RAW, None, "xxx...xxx", id="datatype-of-10-kB"),
    pytest.param(
        header(datatype="x" * 10**6), RAW, None, "at most 65536 bytes", id="json-of-a-megabyte"
    ),
    pytest.param(header(datatype=7), RAW, None, "must be text, got 7", id="datatype-no-text"),
    pytest.param(header(datatype="UINT8"), RAW, None, "UINT8 are 12 bytes, got 48", id="item-size"),
    pytest.param(header(name="x"), RAW, None, "named 'input', got 'x'", id="unknown-input"),
    pytest.param(TWICE, RAW * 2, None, "exactly one tensor", id="duplicate-input"),
    pytest.param(header({"inputs": []}), RAW, None, "exactly one tensor", id="missing-input"),
    pytest.param(header({"outputs": [{"name": "x"}]}), RAW, None, "got ['x']", id="unknown-output"),
    pytest.param(
        header({"outputs": [{"name": ["x"]}]}), RAW, None, "got [['x']]", id="output-name-a-list"
    ),
    pytest.param(
        header({"outputs": [{"name": "leaf"}] * 2}), RAW, None, "each once", id="output-twice"
    ),
    pytest.param(
        header(parameters={"shared_memory_region": "r"}), RAW, None, "shared memory", id="shared"
    ),
    pytest.param(
        header({"outputs": [{"name": "class", "parameters": {"classification": 3}}]}),
        RAW,
        None,
        "classification is not supported",
        id="classification",
    ),
    pytest.param(
        header({"outputs": [{"name": "leaf", "parameters": {"binary_data": 1}}]}),
        RAW,
        None,
        "true or false, got 1",
        id="binary-data-no-truth",
    ),
    pytest.param(
        header({"parameters": {"binary_data_output": "yes"}}), RAW, None, "'yes'", id="output-text"
    ),
    pytest.param(header({"parameters": []}), RAW, None, "must be an object", id="parameters"),
    pytest.param(b"", RAW[:23], None, "a row of 6 FP32 is 24 bytes, got 23", id="raw-too-short"),
    pytest.param(b"", RAW[:-1], None, "are 24 bytes, got 47", id="raw-not-whole-rows"),
]


@pytest.mark.parametrize(("head", "raw", "length", "said"), CASES)
async def test_a_malformed_binary_request_is_told_what_is_wrong(client, head, raw, length, said):
    refused = await post(client, head, raw, length)

    assert (refused.status_code, list(refused.json())) == (400, ["error"])
    assert said in refused.json()["error"]
    assert len(refused.content) < 300  # an answer does not give back all that came
    assert len(await good(client)) == 2 * toys.OUTPUTS * 4


async def test_bytes_without_their_header_are_told_which_header(client):
    refused = await client.post(INFER, content=HEADER)
    assert refused.status_code == 400
    assert "Inference-Header-Content-Length" in refused.json()["error"]


async def test_a_raw_request_is_rows_and_nothing_else(client):
    raw = await post(client, b"")
    assert raw.status_code == 200
    length = int(raw.headers["inference-header-content-length"])
    assert raw.content[length:] == await good(client)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
async def test_nan_in_bytes_is_named_and_its_batch_mates_get_their_answers(client, bad):
    rows = ROWS.copy()
    rows[1, 3] = bad
    expected, heads = await good(client), header({"parameters": {"binary_data_output": True}})

    answers = await asyncio.gather(
        *(post(client, heads, rows.tobytes() if k == 2 else RAW) for k in range(6))
    )

    assert [answer.status_code for answer in answers] == [200, 200, 400, 200, 200, 200]
    assert "NaN or infinity" in answers[2].json()["error"]
    assert all(a.content.endswith(expected) for a in answers if a.status_code == 200)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_the_header_length_is_of_the_inflated_body(client, encoding):
    body = HEADER + RAW
    deflated = gzip.compress(body) if encoding == "gzip" else zlib.compress(body)
    length = {"inference-header-content-length": str(len(HEADER)), "content-encoding": encoding}

    answer = await client.post(INFER, content=deflated, headers=length)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "encoding", "said"),
    [
        pytest.param(gzip.compress(HEADER)[:-9], "gzip", "ends too early", id="truncated"),
        pytest.param(gzip.compress(HEADER)[:-4], "gzip", "ends too early", id="no-length"),
        pytest.param(gzip.compress(HEADER) + b"x", "gzip", "follows its end", id="trailing"),
        pytest.param(b"", "gzip", "ends too early", id="nothing"),
        pytest.param(HEADER, "gzip", "must be gzip", id="not-gzip"),
        pytest.param(gzip.compress(HEADER), "deflate", "must be deflate", id="the-other-one"),
        pytest.param(HEADER, "br", "gzip, deflate or identity; got 'br'", id="brotli"),
        pytest.param(gzip.compress(HEADER), "gzip, gzip", "must be gzip", id="twice"),
    ],
)
async def test_a_damaged_encoding_is_told(client, body, encoding, said):
    refused = await client.post(INFER, content=body, headers={"content-encoding": encoding})
    assert refused.status_code == 400
    assert said in refused.json()["error"]


async def test_a_gzip_bomb_is_refused_within_bounds(toy_store):
    """A gigabyte of zeros in a megabyte: no more of it is made than a body may hold."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(deflater.compress(bytes(2**24)) for _ in range(64)) + deflater.flush()
    limit = 2 * len(bomb)
    async with toys.running(store=toy_store.root, max_body_bytes=limit) as (_, client):
        tracemalloc.start()
        refused = await client.post(INFER, content=bomb, headers={"content-encoding": "gzip"})
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert refused.status_code == 413
    assert f"at most {limit} bytes" in refused.json()["error"]
    assert peak < 10 * limit


async def test_blanks_around_a_length_mean_nothing(client):
    want = await good(client)
    head = header({"parameters": {"binary_data_output": True}})

    answer = await post(client, head, length=f"{len(head)} ")

    assert answer.status_code == 200
    assert answer.content.endswith(want)


@pytest.mark.parametrize("body", [HEADER + RAW, RAW, b"\xff" * 48], ids=["both", "raw", "no-text"])
async def test_bytes_without_their_length_are_told_of_the_header(client, body):
    refused = await client.post(INFER, content=body)

    assert refused.status_code == 400
    assert "needs the header Inference-Header-Content-Length" in refused.json()["error"]
