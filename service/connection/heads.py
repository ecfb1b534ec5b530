"""
What the head of a request must and may say, beyond what the parser checks.

Covered:      the number of headers, `Host`, `CONNECT`, offers to upgrade, which are taken out.
Not covered:  the head's bytes (`framing`); whether lengths and codings of a body contradict each
              other, which the parser checks.
"""

from collections.abc import Mapping

from service.connection.framing import MAX_HEADERS
from service.connection.refusals import Refusal, malformed
from service.protocol.answer_headers import RawHeaders

_DIGITS = 20
"""Of the largest number of 64 bits, which is the most that the parser takes."""


def checked_fields(headers: RawHeaders, version: str) -> dict[bytes, bytes]:
    """
    Check the headers of a request.

    Args:
        headers: As they came, names in lower case.
        version: HTTP's.

    Returns:
        The last of each name.

    Raises:
        Refusal: There are too many, or not one `Host`.
    """
    if len(headers) > MAX_HEADERS:
        text = f"a request may have at most {MAX_HEADERS} headers, got {len(headers)}"
        raise Refusal(431, "too_large", text)
    fields = dict(headers)
    if b"host" not in fields or len(fields) < len(headers):
        hosts = sum(name == b"host" for name, _ in headers)
        if hosts > 1 or (not hosts and version == "1.1"):
            raise malformed(f"an HTTP/1.1 request must have one Host header, got {hosts}")
    return fields


def content_length(fields: Mapping[bytes, bytes]) -> int | None:
    """
    Read the length of a request's body, which the parser has found to be one number.

    Raises:
        Refusal: It has more digits than such a number needs; Python does not read any number.
    """
    sent = fields.get(b"content-length")
    if sent is None:
        return None
    if len(sent) > _DIGITS:
        raise malformed(f"Content-Length may have at most {_DIGITS} digits, got {len(sent)}")
    return int(sent)


def check_offer(method: bytes) -> None:
    """
    Check a request that the parser takes for the beginning of another protocol.

    Raises:
        Refusal: It is not only an offer.
    """
    if method == b"CONNECT":
        raise malformed("this is no proxy: it does not take CONNECT")


def without_offer(method: bytes, url: bytes, version: str, headers: RawHeaders) -> bytes:
    """Write a head again, without its offer to upgrade."""
    lines = [b"%s %s HTTP/%s\r\n" % (method, url, version.encode())]
    lines += [b"%s: %s\r\n" % field for field in headers if field[0] != b"upgrade"]
    return b"".join([*lines, b"\r\n"])
