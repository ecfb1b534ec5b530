"""When the client sends a request again, after what pause, and when it stops; no real clock."""

import asyncio
import re
from collections.abc import Callable

import numpy as np
import pytest
from fff_client import (
    AsyncClient,
    Client,
    DeadlinePassed,
    NotReachable,
    Overloaded,
    RequestRefused,
    ServiceFailed,
    Unavailable,
)

from tests.client.scripted import (
    LOGITS,
    RESET,
    SILENCE,
    prediction,
    refused,
    response,
    scripted,
)

ROW = np.zeros((1, 4), np.float32)


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)


Predict = Callable[..., object]


@pytest.fixture(params=["blocking", "async"])
def predict(request, time) -> Predict:
    """One prediction of one row by a client of its own, whichever kind; the rules are the same."""

    def blocking(url: str, **options: object) -> object:
        with Client(url, **{"clock": time.clock, "sleep": time.sleep} | options) as client:
            return client.predict("m", ROW)

    async def awaited(url: str, **options: object) -> object:
        with_time = {"clock": time.clock, "sleep": time.asleep} | options
        async with AsyncClient(url, **with_time) as client:
            return await client.predict("m", ROW)

    if request.param == "blocking":
        return blocking
    return lambda url, **options: asyncio.run(awaited(url, **options))


@pytest.fixture
def time() -> Time:
    return Time()


def test_retry_after_is_obeyed_and_never_undercut(predict, time):
    with scripted(refused(429, "Retry-After: 3"), refused(503), prediction()) as script:
        result = predict(script.url, jitter=lambda: 0.5)

    assert time.slept == [3 * 1.25, 0.1 * 1.25]  # the second refusal did not say when
    np.testing.assert_array_equal(result.logits, LOGITS[None])
    assert (result.version, result.queue_s, result.compute_s) == (3, 0.0025, 0.000125)


def test_clients_refused_together_come_back_apart(predict, time):
    for draw in (0.0, 0.4, 1.0):
        with scripted(refused(429, "Retry-After: 10"), prediction()) as script:
            predict(script.url, jitter=lambda draw=draw: draw)

    assert time.slept == [10, 12, 15]


def test_a_connection_that_closes_before_a_response_is_tried_again(predict, time):
    with scripted(RESET, RESET, prediction()) as script:
        result = predict(script.url, jitter=lambda: 0.0)

    assert result.version == 3
    assert time.slept == [0.05, 0.1]


def test_a_response_that_breaks_off_is_not(predict, time):
    begun = prediction().replace(b"Content-Length: ", b"Content-Length: 9") + b"broken off"
    with scripted(begun) as script, pytest.raises(NotReachable, match=script.url):
        predict(script.url)

    assert time.slept == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RequestRefused),
        (403, RequestRefused),
        (404, RequestRefused),
        (413, RequestRefused),
        (500, ServiceFailed),
        (502, ServiceFailed),
        (504, DeadlinePassed),
        (302, ServiceFailed),
    ],
)
def test_no_other_response_is_retried(predict, time, status, kind):
    with scripted(refused(status, "Retry-After: 1")) as script, pytest.raises(kind) as raised:
        predict(script.url)

    assert "no, said the service" in str(raised.value)
    assert (raised.value.status, time.slept) == (status, [])


@pytest.mark.parametrize(("status", "kind"), [(429, Overloaded), (503, Unavailable)])
def test_the_last_refusal_is_raised_when_the_retries_are_used_up(predict, time, status, kind):
    responses = [refused(status, "Retry-After: 2")] * 3
    with scripted(*responses) as script, pytest.raises(kind, match="no, said") as raised:
        predict(script.url, retries=2)

    assert (raised.value.retry_after_s, len(time.slept)) == (2, 2)


def test_what_cannot_be_waited_out_is_raised_at_once(predict, time):
    with scripted(refused(429, "Retry-After: 31")) as script, pytest.raises(Overloaded):
        predict(script.url, timeout_s=30)

    assert time.slept == []


def test_a_service_that_does_not_respond_is_left_at_the_deadline(time):
    """Here the time is real, and short."""
    with (
        scripted(SILENCE) as script,
        Client(script.url, timeout_s=0.01) as client,
        pytest.raises(DeadlinePassed, match="did not answer in the time"),
    ):
        client.predict("m", ROW)


async def test_it_is_left_at_the_deadline_by_those_that_wait_for_its_connection_too():
    with scripted(SILENCE, prediction(), prediction()) as script:
        async with AsyncClient(script.url, timeout_s=0.01, connections=1) as client:
            calls = [client.predict("m", ROW) for _ in range(8)]
            errors = await asyncio.gather(*calls, return_exceptions=True)
            assert {type(error) for error in errors} == {DeadlinePassed}
            assert (await client.predict("m", ROW, timeout_s=30)).version == 3


def test_the_time_left_is_sent_to_the_service(predict, time):
    responses = [refused(429, "Retry-After: 4"), refused(429, "Retry-After: 11"), prediction()]
    with scripted(*responses) as script:
        predict(script.url, timeout_s=16, jitter=lambda: 0.0)

    timeouts_us = [int(re.findall(rb'"timeout":(\d+)', body)[0]) for _, body in script.requests]
    assert timeouts_us == [16_000_000, 12_000_000, 1_000_000]


def test_a_response_that_comes_in_drops_is_left_after_the_deadline(predict):
    """Each drop comes in time; the last would not."""
    looks = iter(range(1000))  # every look at the clock finds it a second later
    with scripted(prediction()) as script, pytest.raises(DeadlinePassed, match=script.url):
        predict(script.url, clock=lambda: next(looks), timeout_s=2.5)


def test_calls_reuse_one_connection():
    responses = [*[prediction()] * 3, refused(400), prediction()]
    with scripted(*responses) as script, Client(script.url) as client:
        for _ in range(3):
            client.predict("m", ROW)
        with pytest.raises(RequestRefused):
            client.predict("m", ROW)
        client.predict("m", ROW)

    assert script.connections == 1


def test_all_parts_come_from_the_version_that_made_the_first():
    with scripted(prediction("3"), prediction("3")) as script, Client(script.url, max_rows=2) as c:
        assert c.predict("m", np.zeros((3, 4), np.float32)).version == 3

    paths = [path for path, _ in script.requests]
    assert paths == ["/v2/models/m/infer", "/v2/models/m/versions/3/infer"]


@pytest.mark.parametrize(
    ("received", "shown"),
    [
        (response(200, b"<html>Welcome</html>"), "must be a prediction, got b'<html>Welcome"),
        (response(200, b"{}"), "must be a prediction"),
        (prediction().replace(b"[1, 3]", b"[1, 9]"), "must be a prediction"),
        (response(502, b"<html>Bad Gateway</html>"), "HTTP 502: <html>Bad Gateway"),
        (response(500, b""), "HTTP 500"),
    ],
    ids=["page", "empty", "short", "gateway", "nothing"],
)
def test_a_response_that_is_not_the_services_is_shown(predict, received, shown):
    with scripted(received) as script, pytest.raises(ServiceFailed, match=re.escape(shown)):
        predict(script.url)


def test_a_gateway_that_is_unavailable_is_retried_without_its_date(predict, time):
    date = "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT"  # the form in seconds is the one read
    with scripted(response(503, b"", date), prediction()) as script:
        predict(script.url, jitter=lambda: 0.0)

    assert time.slept == [0.05]


@pytest.mark.parametrize(
    "options",
    [{"timeout_s": 0}, {"timeout_s": float("inf")}, {"retries": -1}, {"max_rows": 0}],
    ids=str,
)
def test_an_option_that_makes_no_sense_is_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Client(**options)


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "ftp://x", "http://", "http://x:y", "http://x?y=1", "http://x#y"]
)
def test_a_url_that_is_not_http_is_refused(url):
    with pytest.raises(ValueError, match="url must be like http://host:port"):
        Client(url)


def test_a_url_with_a_password_is_refused_without_showing_it():
    with pytest.raises(ValueError, match="no user and password; pass headers=") as raised:
        Client("http://me:secret@127.0.0.1:8000")

    assert "secret" not in str(raised.value)
