"""
Where a body is parsed: in the event loop if that is soon done, in a thread otherwise.

The one place that says how large is too large, for every path that takes rows.

Covered:      the place. A parser is called with the whole body, and inflates it itself.
Not covered:  reading the body within its bound (`request_body`), what it holds (`plain_json`,
              `infer_parsing`).
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PARSE_IN_LOOP_BYTES = 512 * 1024
"""
Larger bodies, and all that must be inflated, are parsed in a thread. As much JSON holds the loop
for 1.4 ms (Xeon, 2026-11-24), about the budget of a batch; 64 rows of 784 numbers stay below it.
"""


async def parsed(parse: Callable[[bytes], T], body: bytes, encoding: bytes) -> T:
    """
    Parse a body without holding the event loop for longer than a batch may.

    Args:
        parse: Takes the body as it came; must be safe in a thread.
        body: Whole.
        encoding: Its Content-Encoding, or nothing.
    """
    if encoding or len(body) > PARSE_IN_LOOP_BYTES:
        return await asyncio.to_thread(parse, body)
    return parse(body)
