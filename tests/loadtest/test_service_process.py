"""A service of one's own: what it used, and an end that nobody asked for. Here a toy stands in."""

import os
import signal
import sys

import pytest

from loadtest.harness.errors import LoadTestError
from loadtest.harness.service_process import ServiceProcess

READY = """
import http.server, sys
class Ready(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready).serve_forever()
"""


class Toy(ServiceProcess):
    """Ready at once, and nothing else."""

    def __init__(self):
        super().__init__()
        self._command = [sys.executable, "-c", READY, self.url.rpartition(":")[2]]


def kill(service):
    os.kill(service.pid, signal.SIGKILL)
    os.waitid(os.P_PID, service.pid, os.WEXITED | os.WNOWAIT)


def test_a_service_that_dies_under_load_is_an_error():
    with pytest.raises(LoadTestError, match="ended by itself with exit code -9"), Toy() as service:
        kill(service)


def test_another_end_on_sigterm_than_exit_code_0_is_an_error():
    with pytest.raises(LoadTestError, match="ended on SIGTERM with exit code -15, not 0"), Toy():
        pass


def test_a_dead_service_is_named_as_the_cause_of_what_went_wrong():
    def fail_beside_it():
        with Toy() as service:
            kill(service)
            raise ZeroDivisionError

    with pytest.raises(LoadTestError, match="exit code -9") as raised:
        fail_beside_it()
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


def test_processor_time_outlives_the_process_until_it_is_waited_for():
    used_s = []

    def read_and_kill():
        with Toy() as service:
            used_s.append(service.cpu_s())
            kill(service)
            used_s.append(service.cpu_s())
            service._process.wait()
            with pytest.raises(LoadTestError, match="has ended"):
                service.cpu_s()

    with pytest.raises(LoadTestError, match="ended by itself"):
        read_and_kill()
    assert used_s[1] >= used_s[0] > 0
