"""Codings of bodies, as RFC 9110 has them: what a client may send, and what it is sent."""

import gzip
import io
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine import offload
from service.errors import InvalidInput, TooLarge
from service.http.compression import (
    MOST_CODINGS,
    MOST_MEMBERS,
    WORTHWHILE_BYTES,
    accepted,
    deflate,
    deflated,
    inflate,
)
from tests.service import toys
from tests.service.http.test_fast_path import asked, listening, written

PREDICT = "/v1/models/toy/predict"
BODY = json.dumps({"inputs": [[0.5] * toys.WIDTH] * 90}).encode()
LONG, SHORT = WORTHWHILE_BYTES, WORTHWHILE_BYTES - 1


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    monkeypatch.setattr(offload, "let_go", lambda: None)


def applied(body: bytes, *codings: str) -> bytes:
    for coding in codings:
        body = gzip.compress(body) if coding == "gzip" else zlib.compress(body)
    return body


@given(st.lists(st.sampled_from(["gzip", "deflate"]), max_size=MOST_CODINGS), st.binary())
def test_codings_are_undone_in_the_reverse_of_their_order(codings, body):
    written = ", ".join(["identity", *codings])

    assert inflate(applied(body, *codings), written, 10**6) == body


@pytest.mark.parametrize(
    "named", ["x-gzip", "gzip ", "GZIP", "gzip, identity", "identity,gzip", ",gzip"]
)
def test_a_coding_has_several_names(named):
    assert inflate(gzip.compress(BODY), named, 10**6) == BODY


@pytest.mark.parametrize("parts", [1, 2, 700])
def test_a_gzip_may_have_several_members(parts):
    size = len(BODY) // parts + 1
    members = [gzip.compress(BODY[k : k + size]) for k in range(0, len(BODY), size)]

    assert inflate(b"".join(members), "gzip", 10**6) == BODY


def test_members_and_codings_are_limited_in_number():
    with pytest.raises(InvalidInput, match=f"at most {MOST_MEMBERS} members"):
        inflate(gzip.compress(b"") * (MOST_MEMBERS + 1), "gzip", 10**6)
    with pytest.raises(InvalidInput, match=f"at most {MOST_CODINGS} codings"):
        inflate(BODY, ", ".join(["gzip"] * (MOST_CODINGS + 1)), 10**6)


@pytest.mark.parametrize("codings", [["gzip"], ["gzip", "gzip"], ["deflate", "gzip"]])
def test_what_expands_beyond_the_bound_is_refused(codings):
    with pytest.raises(TooLarge, match="at most 9999 bytes"):
        inflate(applied(bytes(10_000), *codings), ",".join(codings), 9999)

    assert len(inflate(applied(bytes(9999), *codings), ",".join(codings), 9999)) == 9999


@pytest.mark.parametrize(
    ("accepts", "size", "coding"),
    [
        ("", LONG, None),
        ("gzip", LONG, "gzip"),
        ("gzip", SHORT, None),
        ("x-gzip", LONG, "gzip"),
        ("deflate, gzip", LONG, "gzip"),
        ("deflate;q=0.9, gzip;q=0.8", LONG, "deflate"),
        ("gzip;q=0, deflate", LONG, "deflate"),
        ("gzip;q=0", LONG, None),
        ("gzip; q=0.001", LONG, "gzip"),
        ("*", LONG, "gzip"),
        ("gzip;q=0, *", LONG, "deflate"),
        ("*;q=0", LONG, None),
        ("br, zstd", LONG, None),
        ("gzip;q=0.5, identity", LONG, None),
        ("gzip;q=0.5, identity;q=0.5", LONG, "gzip"),
        ("gzip, identity;q=0", SHORT, "gzip"),
        ("gzip, *;q=0", SHORT, "gzip"),
        ("gzip;q=2, deflate;q=nan", LONG, None),
        ("GZIP;Q=1.0", LONG, "gzip"),
    ],
)
def test_an_answer_is_encoded_as_its_client_likes_best(accepts, size, coding):
    assert accepted(accepts, size) == coding


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@given(st.lists(st.binary(), min_size=1))
def test_pieces_and_the_whole_are_encoded_to_the_same_text(coding, pieces):
    whole = b"".join(pieces)

    assert inflate(deflate(whole, coding), coding, 10**6) == whole
    assert inflate(b"".join(deflated(pieces, coding)), coding, 10**6) == whole


async def test_several_headers_are_one_list_by_either_way_in(toy_store):
    """Of predictions, which read their own headers, and of comparisons."""
    body = applied(BODY, "deflate", "gzip")
    doubled = "Content-Encoding: deflate\r\ncontent-encoding: gzip\r\nAccept-Encoding: br\r\n"
    async with listening(store=toy_store.root) as (_, port):
        for path in (PREDICT, "/v1/models/toy/explain"):
            for chunked in (False, True):
                whole = written(path, body, {"accept-encoding": "deflate"}, chunked=chunked)
                ((status, headers, _),) = await asked(
                    port, whole.replace(b"Host: toy\r\n", b"Host: toy\r\n" + doubled.encode())
                )
                assert (status, headers["content-encoding"]) == (200, "deflate")
                assert headers["vary"] == "Accept-Encoding"


async def test_a_file_of_gzip_that_was_appended_to_is_taken(client):
    file = io.BytesIO()
    for half in (BODY[:300], BODY[300:]):
        with gzip.GzipFile(fileobj=file, mode="ab") as member:
            member.write(half)

    taken = await client.post(
        PREDICT, content=file.getvalue(), headers={"Content-Encoding": "gzip"}
    )

    assert taken.status_code == 200
