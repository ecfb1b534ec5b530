"""
A head that a connection has sent before, so that one like it need not be parsed again.

Most clients send requests whose heads differ in nothing but Content-Length, if at all. What the
parser has found in such bytes once, it would find again.

Covered:      recognising a whole request by its bytes.
Not covered:  what is in a head, and whose connections remember one (`service.http.fast_path`).
"""

_END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length: "
_DIGITS = 9
REMEMBERED_BYTES = 2048
"""Of a head, so that 10,000 connections remember 20 MB; one of a browser has some 700."""


class KnownHead:
    """
    A head that was found valid, with its one Content-Length.

    Args:
        before: From its first byte to the number of Content-Length.
        after: From behind that number to its end.
    """

    __slots__ = ("_after", "_before", "_size")

    def __init__(self, before: bytes, after: bytes):
        self._before, self._after = before, after
        self._size = len(before)

    def body_of(self, data: bytes) -> bytes | None:
        """The body, if `data` is one request whose head is this but for the number; or None."""
        size = self._size
        if not data.startswith(self._before):
            return None
        end = data.find(b"\r", size, size + _DIGITS + 1)
        if end < 0 or not data.startswith(self._after, end):
            return None
        length, body = data[size:end], data[end + len(self._after) :]
        return body if length.isdigit() and int(length) == len(body) else None


def known_head(data: bytes) -> KnownHead | None:
    """Remember the head of a request, which was found valid; None where it is long or unusual."""
    end = data.find(_END, 0, REMEMBERED_BYTES) + len(_END)
    at = data[:end].lower().find(_LENGTH) + len(_LENGTH)
    if end < len(_END) or at < len(_LENGTH):
        return None
    return KnownHead(data[:at], data[data.find(b"\r", at) : end])
