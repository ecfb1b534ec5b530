"""A fast wrong answer is no result: before a server is timed, each of its answers is checked."""

import http.client
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from urllib.parse import urlsplit

from torch import Tensor

from bench.http.bodies import Body, Form, read_answer
from bench.parity import ParityError, check_logits

TIMEOUT_S = 30
Read = Callable[[Form, bytes, Mapping[str, str]], Tensor]


class Refused(RuntimeError):
    """A server that answers, but not with what was asked for."""


def check(
    server: str,
    url: str,
    form: Form,
    sent: Iterable[Body],
    exact: bool = True,
    read: Read = read_answer,
) -> int:
    """
    Post every body once and compare the answers with the reference's.

    Args:
        server: Its name, for errors.
        url: Where to post.
        form: Of the bodies.
        sent: With their truth.
        exact: False where the answer is meant to say nothing.
        read: Finds the logits in an answer, or fails as `read_answer` does.

    Returns:
        How many bytes the first answer had.

    Raises:
        Refused: Another status than 200.
        ParityError: Other logits than the reference's, or none.
    """
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_S)
    sizes: list[int] = []
    try:
        for body in sent:
            connection.request("POST", parts.path, body.content, body.headers)
            response = connection.getresponse()
            content = response.read()
            if response.status != 200:
                text = content[:200].decode(errors="replace")
                raise Refused(f"{form} requests are answered {response.status}: {text}")
            if exact:
                named = {name.title(): value for name, value in response.getheaders()}
                _compare(f"{server}, {form}", body, partial(read, form, content, named))
            sizes.append(len(content))
    except (OSError, http.client.HTTPException) as exc:
        raise Refused(f"{form} requests are not answered: {exc!r}") from None
    finally:
        connection.close()
    return sizes[0]


def _compare(who: str, body: Body, find: Callable[[], Tensor]) -> None:
    assert body.truth is not None, "a body that is checked has its truth. This is a bug."
    try:
        got = find()
    except (ValueError, KeyError, IndexError, TypeError) as exc:
        raise ParityError(f"{who}: the answer holds no logits: {exc!r}") from None
    if got.shape != body.truth.shape:
        raise ParityError(f"{who}: {list(body.truth.shape)} expected, got {list(got.shape)}")
    check_logits(who, got, body.truth)
