"""
Where a request ends among the bytes of its connection, and how many bytes its framing may take.

The parser cannot be stopped between two requests, so it is fed in pieces that end where a request
ends at the latest. It alone decides what is valid; here is only counted.

Covered:      bounds of URL, head, number of headers, chunk extensions and trailers.
Not covered:  the size of bodies (`body`), what is done with the pieces (`sequential`).
"""

import re

from service.connection.refusals import Refusal

MAX_URL_BYTES = 8 * 1024
"""Apache's and nginx' default; the longest path of the service has some hundred bytes."""
MAX_HEAD_BYTES = 32 * 1024
"""nginx' default, four buffers of 8 KiB; Node takes 16 KiB."""
MAX_HEADERS = 100
"""Apache's default. Clients send about ten, a chain of proxies twenty more."""
MAX_OVERHEAD_BYTES = 16 * 1024
"""Of a chunked body: sizes and extensions beyond the usual, and trailers. Go's number."""
_USUAL_BYTES = 16
"""Of a chunk's line, which as in Go count for nothing; and two more for each byte of data."""
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength:[ \t]*([0-9]{1,9})[ \t]*\r\n").search
"""As almost all write it: 0.2 us; by way of lower case it would be 0.9 (Xeon, 2026-11-27)."""


class Framing:
    """
    The bytes of one request after the other.

    Attributes:
        begun: Whether the first line of the request has begun.
        in_head: Whether its head is not complete.
        complete: Whether all of it has come.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Expect a request."""
        self.begun = self.complete = False
        self.in_head = True
        self._chunked = self._in_trailers = False
        self._left = 0  # of the body, or of a chunk with its line end
        self._seen = 0  # of the head; of the framing, beyond the usual
        self._line = b""  # of a chunk's size or a trailer; of a head its last three bytes

    def is_one(self, data: bytes) -> bool:
        """Whether all of `data` is one request with its body: as almost all come."""
        length = None if self.begun else _LENGTH(data, 0, MAX_HEAD_BYTES)
        if length is None:
            return False
        end = data.find(_END, 0, MAX_HEAD_BYTES)
        return length.start() <= end and end + len(_END) + int(length[1]) == len(data)

    def end_head(self, content_length: int, chunked: bool) -> None:
        """Expect the body."""
        self.in_head = False
        self._chunked, self._left = chunked, content_length
        self._seen, self._line = 0, b""

    def piece_end(self, data: bytes, start: int) -> int:
        """
        Where in `data` the piece ends that begins at `start` and may be fed at once.

        Raises:
            Refusal: More is framing than may be.
        """
        if self.in_head:
            return self._head_end(data, start)
        if self._chunked and not self._left:
            return self._line_end(data, start)
        taken = min(self._left, len(data) - start) or len(data) - start
        self._left = max(0, self._left - taken)
        return start + taken

    def _head_end(self, data: bytes, start: int) -> int:
        room = MAX_HEAD_BYTES - self._seen
        if room <= 0:
            raise Refusal(
                431, "too_large", f"a request's head may have at most {MAX_HEAD_BYTES} bytes"
            )
        end = self._blank_line(data, start, start + room)
        self._seen += end - start
        return end

    def _blank_line(self, data: bytes, start: int, limit: int) -> int:
        """Where the head ends, or what has come of it; an end may be spread over two reads."""
        before, self._line = self._line, b""
        if before and (found := (before + data[start : start + 3]).find(_END)) >= 0:
            return start + found + len(_END) - len(before)
        if (found := data.find(_END, start, limit)) >= 0:
            return found + len(_END)
        end = min(len(data), limit)
        self._line = (before + data[max(start, end - 3) : end])[-3:]
        return end

    def _line_end(self, data: bytes, start: int) -> int:
        if self._line.endswith(b"\n"):
            self._end_line()
            if self._left:
                return self.piece_end(data, start)
        end = data.find(b"\n", start) + 1 or len(data)
        if self._seen + len(self._line) + end - start > MAX_OVERHEAD_BYTES:
            text = f"chunk extensions and trailers may have at most {MAX_OVERHEAD_BYTES} bytes"
            raise Refusal(431, "too_large", text)
        self._line += data[start:end]
        return end

    def _end_line(self) -> None:
        """Take in a line that the parser has found valid."""
        line, self._line = self._line, b""
        if self._in_trailers:
            self._seen += len(line)
            return
        size = int(line.partition(b";")[0], 16)
        self._seen = max(0, self._seen + len(line) - _USUAL_BYTES - 2 * size)
        self._in_trailers = not size
        self._left = size + len(b"\r\n") if size else 0
