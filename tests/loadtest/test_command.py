"""How a command ends: its exit code, one line, and nothing of it left behind."""

import signal
import subprocess
import sys

import pytest

from loadtest.harness.command import exit_code
from loadtest.harness.errors import LoadTestError

WAITS = """
import sys
from loadtest.harness.command import end_with, exit_code

def wait():
    try:
        print("waiting", flush=True)
        sys.stdin.read()
    finally:
        print("tidied up", flush=True)
    return 0

end_with(lambda: exit_code("bench", wait))
"""


def raising(exc: BaseException) -> int:
    raise exc


@pytest.mark.parametrize("code", [0, 1, 3])
def test_what_a_command_returns_is_its_exit_code(code, capsys):
    assert exit_code("bench", lambda: code, LoadTestError) == code
    assert capsys.readouterr().err == ""


def test_an_expected_error_is_one_line_and_1(capsys):
    assert exit_code("bench", lambda: raising(LoadTestError("no wrk")), LoadTestError) == 1
    assert capsys.readouterr().err == "bench: no wrk\n"


def test_an_error_that_nobody_expected_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        exit_code("bench", lambda: raising(ZeroDivisionError()), LoadTestError)


def test_a_command_that_is_told_to_stop_tidies_up_and_says_so():
    program, pipe = [sys.executable, "-c", WAITS], subprocess.PIPE
    with subprocess.Popen(program, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == "waiting\n"
        command.send_signal(signal.SIGTERM)
        printed = command.communicate(timeout=20)

    assert (command.returncode, printed) == (1, ("tidied up\n", "bench: stopped\n"))
