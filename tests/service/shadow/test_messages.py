"""What the shadow's two processes say to each other arrives as it was said."""

import asyncio
import os
from io import BufferedReader, BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.shadow.messages import (
    Answered,
    Asked,
    Conditions,
    Twin,
    answered_of,
    asked_of,
    conditions_of,
    framed,
    packed,
    read_frame,
    receive_frame,
)
from service.shadow.stats import Compared

COUNTS = st.integers(0, 2**63)
FLOATS = st.floats(allow_nan=False)  # NaN is equal to nothing; infinity is a difference
NAMES = st.binary(max_size=20).map(os.fsdecode)  # as the file system has them: not all is UTF-8
PATHS = NAMES.map(Path)
TWINS = st.builds(Twin, NAMES, COUNTS, NAMES, NAMES, COUNTS, COUNTS)
CONDITIONS = st.builds(Conditions, PATHS, NAMES, NAMES, COUNTS)
ASKED = st.builds(Asked, TWINS, st.frozensets(TWINS, max_size=3))
COMPARED = st.builds(Compared, COUNTS, COUNTS, st.lists(COUNTS), FLOATS, COUNTS)
ANSWERED = st.builds(Answered, st.none() | COMPARED, NAMES, FLOATS)


def stream(frames: bytes) -> BufferedReader:
    return BufferedReader(BytesIO(frames))


async def taken(frames: bytes, count: int) -> list[bytes]:
    reader = asyncio.StreamReader()
    reader.feed_data(frames)
    reader.feed_eof()
    return [await read_frame(reader) for _ in range(count)]


@given(CONDITIONS, ASKED, ANSWERED)
def test_every_message_comes_back_equal(conditions: Conditions, asked: Asked, answered: Answered):
    assert conditions_of(packed(conditions)) == conditions
    assert asked_of(packed(asked)) == asked
    assert answered_of(packed(answered)) == answered


@given(st.lists(st.lists(st.binary(max_size=9))))
def test_what_is_framed_in_parts_is_taken_whole_at_both_ends(said: list[list[bytes]]):
    sent = b"".join(b"".join(framed(*(memoryview(part) for part in parts))) for parts in said)
    whole = [b"".join(parts) for parts in said]

    reading = stream(sent)

    assert [receive_frame(reading) for _ in said] == whole
    assert asyncio.run(taken(sent, len(said))) == whole


@given(st.binary(max_size=9), st.data())
def test_a_frame_that_is_cut_short_is_an_end_at_both_ends(said: bytes, data: st.DataObject):
    sent = b"".join(framed(said))
    cut = sent[: data.draw(st.integers(0, len(sent) - 1))]

    with pytest.raises(EOFError):
        receive_frame(stream(cut))
    with pytest.raises(EOFError):
        asyncio.run(taken(cut, 1))
