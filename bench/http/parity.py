"""A fast wrong answer is no result: before a server is timed, each of its answers is checked."""

from collections.abc import Iterable

from bench.http.bodies import Body, Form, Read, read_answer
from bench.parity import ParityError, check_logits
from loadtest.harness.connection import Answer, Connection
from loadtest.harness.errors import LoadTestError


class Refused(RuntimeError):
    """A server that answers, but not with what was asked for."""


def check(
    server: str,
    url: str,
    form: Form,
    bodies: Iterable[Body],
    exact: bool = True,
    read: Read = read_answer,
) -> int:
    """
    Post every body once and compare the answers with the reference's.

    Args:
        server: Its name, for errors.
        url: Scheme, host, port and path.
        form: In which the bodies are written and answered.
        bodies: At least one, each with its truth.
        exact: False where the answer is meant to say nothing.
        read: Finds the logits in an answer, or fails as `read_answer` does.

    Returns:
        Bytes of the first answer.

    Raises:
        Refused: Another status than 200, or no answer.
        ParityError: Other logits than the reference's, or none.
    """
    sizes: list[int] = []
    with Connection(url) as connection:
        for body in bodies:
            answer = _post(connection, form, body)
            if exact:
                _compare(f"{server}, {form}", form, body, answer, read)
            sizes.append(len(answer.content))
    return sizes[0]


def _post(connection: Connection, form: Form, body: Body) -> Answer:
    try:
        answer = connection.post(body.content, body.headers)
    except LoadTestError as exc:
        raise Refused(f"{form} requests are not answered: {exc}") from None
    if answer.status != 200:
        text = answer.content[:200].decode(errors="replace")
        raise Refused(f"{form} requests are answered {answer.status}: {text}")
    return answer


def _compare(contender: str, form: Form, body: Body, answer: Answer, read: Read) -> None:
    assert body.truth is not None, "a body that is checked has its truth. This is a bug."
    headers = {name.title(): value for name, value in answer.headers.items()}
    try:
        logits = read(form, answer.content, headers)
    except (ValueError, KeyError, IndexError, TypeError) as exc:
        raise ParityError(f"{contender}: the answer holds no logits: {exc!r}") from None
    if logits.shape != body.truth.shape:
        expected, got = list(body.truth.shape), list(logits.shape)
        raise ParityError(f"{contender}: {expected} expected, got {got}")
    check_logits(contender, logits, body.truth)
