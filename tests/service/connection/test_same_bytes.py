"""The law: what our protocol answers is, byte for byte, what uvicorn's own answers."""

import asyncio
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.http.fast_path import FastPathProtocol
from tests.service import toys
from tests.service.connection.small_app import ANSWERS, SmallApp
from tests.service.connection.wire import GOOD, exchange, request

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE")
BODIES = st.sampled_from([b"", b"x", b"0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", bytes(range(256))])


REQUEST = st.builds(
    lambda method, kind, body, chunks, extra, version: request(
        method, f"/{kind}", *extra, body=body, chunks=chunks if body is not None else 0,
        version=version,
    ),
    st.sampled_from(METHODS),
    st.sampled_from([*ANSWERS]),
    st.none() | BODIES,
    st.integers(0, 3),
    st.sampled_from([(), (), ("Connection: close",), ("Expect: 100-continue",), ("A: b",)]),
    st.sampled_from(["1.1", "1.1", "1.1", "1.0"]),
)  # fmt: skip
OFFER = st.builds(
    lambda method, kind, protocol: request(
        method, f"/{kind}", "Connection: Upgrade", f"Upgrade: {protocol}"
    ),
    st.sampled_from(METHODS),
    st.sampled_from([*ANSWERS]),
    st.sampled_from(["h2c", "websocket", "TLS/1.0"]),
)
"""Without a body, which uvicorn's own protocol loses; and nothing behind it, which it loses too."""
PIPELINE = st.builds(
    lambda requests, offer: b"".join([*requests, *offer]),
    st.lists(REQUEST, min_size=1, max_size=4),
    st.lists(OFFER, max_size=1),
)


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted({cut % len(stream) for cut in cuts} - {0}), len(stream)]
    return [stream[a:b] for a, b in zip(places, places[1:], strict=False)]


async def same(app, parts: list[bytes]) -> bytes:
    """Both protocols' answers to the same pieces; asserts that they are the same."""
    ours = await exchange(FastPathProtocol, app, parts)
    assert ours == await exchange(HttpToolsProtocol, app, parts)
    return ours


@settings(max_examples=150, deadline=None)
@given(PIPELINE, st.lists(st.integers(0, 10_000), max_size=4))
def test_any_pipeline_cut_anywhere_is_answered_as_by_uvicorn(stream: bytes, cuts: list[int]):
    asyncio.run(same(SmallApp(), pieces(stream, cuts)))


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("method", METHODS)
async def test_every_answer_to_every_method_is_uvicorns_whatever_the_cut(method: str, kind: str):
    """And it does not depend on where the request is cut."""
    app = SmallApp()
    stream = request(method, f"/{kind}", "Expect: 100-continue", body=b"hello", chunks=2)
    stream += request(method, f"/{kind}")
    whole = await same(app, [stream])

    for cut in range(1, len(stream)):
        assert await same(app, [stream[:cut], stream[cut:]]) == whole
    assert await same(app, [stream[k : k + 1] for k in range(len(stream))]) == whole


ASKED = {
    **{f"{method} {path}": request(method, path, "x-request-id: mine")
       for method in METHODS
       for path in ("/", "/healthz", "/readyz", "/v2", "/v1/models", "/v2/models/toy/ready",
                    "/v1/models/toy/leaves", "/openapi.json", "/nowhere")},
    "predict": request("POST", "/v1/models/toy/predict", "x-request-id: mine", body=GOOD),
    "chunked": request("POST", "/v1/models/toy/predict", "x-request-id: mine", body=GOOD, chunks=3),
    "gzip": request("POST", "/v1/models/toy/predict", "x-request-id: mine", "Accept-Encoding: gzip",
                    body=json.dumps({"inputs": [[0.5] * toys.WIDTH] * 99}).encode()),
    "broken": request("POST", "/v1/models/toy/predict", "x-request-id: mine", body=b"{"),
    "head-of-a-post": request("HEAD", "/v1/models/toy/predict", "x-request-id: mine"),
}  # fmt: skip


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
async def test_the_service_answers_as_behind_uvicorns_protocol(toy, asked: bytes):
    app, _ = toy
    ends = [1, asked.index(b"\r\n\r\n") + 2, len(asked) - 1]
    for parts in ([asked], [asked + asked], *([asked[:k], asked[k:]] for k in ends)):
        ours, stock = [
            re.sub(rb"dur=[\d.]+", b"dur=0", await exchange(kind, app, parts))
            for kind in (FastPathProtocol, HttpToolsProtocol)
        ]
        assert ours == stock


@pytest.mark.parametrize(
    "path",
    ["/", "/healthz", "/readyz", "/docs", "/openapi.json", "/v2", "/v1/models", "/v1/models/toy",
     "/v2/health/live", "/v2/models/toy", "/v2/models/toy/config", "/v2/models/toy/versions/1",
     "/v1/models/other", "/v1/models/toy/predict"],
)  # fmt: skip
async def test_head_has_the_head_of_get_and_no_body(toy, path: str):
    app, _ = toy

    head, got = [
        await exchange(FastPathProtocol, app, [request(method, path, "x-request-id: mine")])
        for method in ("HEAD", "GET")
    ]

    assert head == got[: got.index(b"\r\n\r\n") + 4] + b"<kept>"
    assert re.search(rb"content-length: [1-9]", head)
