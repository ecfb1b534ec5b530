"""A kept connection: what it brings back, and that silence is an error with the URL."""

import threading
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from loadtest.harness.connection import Answer, Connection
from loadtest.harness.errors import LoadTestError


class Mirror(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(int(self.headers["Answer"]))
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Client", str(self.client_address[1]))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def url():
    with HTTPServer(("127.0.0.1", 0), Mirror) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/mirror"
        server.shutdown()
        thread.join()


def answer(timing):
    headers = HTTPMessage()
    headers["Server-Timing"] = timing
    return Answer(200, headers, b"")


def test_answers_of_every_status_come_back_over_one_connection(url):
    with Connection(url) as connection:
        answers = [connection.post(b"rows", {"Answer": status}) for status in ("200", "503")]

    assert [(each.status, each.content) for each in answers] == [(200, b"rows"), (503, b"rows")]
    assert len({each.headers["x-client"] for each in answers}) == 1


def test_a_server_that_is_not_there_is_an_error_with_its_url():
    url = "http://127.0.0.1:9/nothing"

    with Connection(url) as connection, pytest.raises(LoadTestError, match=url):
        connection.post(b"", {})


@pytest.mark.parametrize("timing", ["queue;dur=0.1, compute;dur=0.25", "compute;dur=0.25, x;dur=9"])
def test_the_time_of_computing_is_the_services_own(timing):
    assert answer(timing).compute_ms == 0.25


def test_an_answer_without_a_time_of_computing_is_an_error():
    with pytest.raises(LoadTestError, match="no compute;dur=, got 'queue;dur=1'"):
        _ = answer("queue;dur=1").compute_ms
