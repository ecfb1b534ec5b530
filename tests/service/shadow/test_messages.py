"""The messages between the shadow's two processes arrive as they were sent."""

import asyncio
import os
from io import BufferedReader, BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fff.agreement import AgreementRule
from service.shadow.messages import (
    ComputeRequest,
    ComputeResult,
    ComputeSettings,
    Twin,
    decode_request,
    decode_result,
    decode_settings,
    encode,
    frame,
    read_frame,
    receive_frame,
)
from service.shadow.stats import BatchComparison

COUNTS = st.integers(0, 2**63)
FLOATS = st.floats(allow_nan=False)  # NaN is equal to nothing; infinity is a difference
NAMES = st.binary(max_size=20).map(os.fsdecode)  # as the file system has them: not all is UTF-8
PATHS = NAMES.map(Path)
TWINS = st.builds(Twin, NAMES, COUNTS, NAMES, COUNTS, COUNTS)
SETTINGS = st.builds(ComputeSettings, PATHS, NAMES, NAMES, COUNTS)
TOLERANCES = st.lists(st.floats(min_value=0, exclude_min=True), min_size=1).map(tuple)
RULES = st.builds(AgreementRule, st.none() | TOLERANCES)
REQUESTS = st.builds(ComputeRequest, TWINS, st.frozensets(TWINS, max_size=3), RULES)
COMPARISONS = st.builds(BatchComparison, COUNTS, COUNTS, st.lists(COUNTS), FLOATS, COUNTS)
RESULTS = st.builds(ComputeResult, st.none() | COMPARISONS, NAMES, FLOATS)


def stream(frames: bytes) -> BufferedReader:
    return BufferedReader(BytesIO(frames))


async def read_frames(frames: bytes, count: int) -> list[bytes]:
    reader = asyncio.StreamReader()
    reader.feed_data(frames)
    reader.feed_eof()
    return [await read_frame(reader) for _ in range(count)]


@given(SETTINGS, REQUESTS, RESULTS)
def test_every_message_comes_back_equal(
    settings: ComputeSettings, request_: ComputeRequest, result: ComputeResult
):
    assert decode_settings(encode(settings)) == settings
    assert decode_request(encode(request_)) == request_
    assert decode_result(encode(result)) == result


@given(st.lists(st.lists(st.binary(max_size=9))))
def test_a_frame_sent_in_parts_is_read_whole_at_both_ends(messages: list[list[bytes]]):
    sent = b"".join(b"".join(frame(*(memoryview(part) for part in parts))) for parts in messages)
    whole = [b"".join(parts) for parts in messages]

    reading = stream(sent)

    assert [receive_frame(reading) for _ in messages] == whole
    assert asyncio.run(read_frames(sent, len(messages))) == whole


@given(st.binary(max_size=9), st.data())
def test_a_frame_that_is_cut_short_is_an_end_at_both_ends(message: bytes, data: st.DataObject):
    sent = b"".join(frame(message))
    cut = sent[: data.draw(st.integers(0, len(sent) - 1))]

    with pytest.raises(EOFError):
        receive_frame(stream(cut))
    with pytest.raises(EOFError):
        asyncio.run(read_frames(cut, 1))
