"""A framework's process: how it ends well and how it does not."""

import os
import signal
import sys
from pathlib import Path

import pytest

from bench.peers.process import FrameworkProcess
from bench.peers.tree import tree
from loadtest.harness.errors import LoadTestError

SERVES = (sys.executable, "-m", "http.server", "{port}", "--bind", "127.0.0.1")


def run_and_kill(folder: Path) -> None:
    with FrameworkProcess(SERVES, "/", folder, "bench") as framework:
        os.kill(framework.pid, signal.SIGKILL)
        os.waitid(os.P_PID, framework.pid, os.WEXITED | os.WNOWAIT)


def test_a_framework_may_end_on_sigterm_with_any_exit_code(tmp_path):
    """This one with -15."""
    with FrameworkProcess(SERVES, "/", tmp_path, "bench") as framework:
        pid = framework.pid

    assert tree(pid) == []


def test_a_framework_that_ends_by_itself_is_an_error(tmp_path):
    with pytest.raises(LoadTestError, match="the framework ended by itself with exit code -9"):
        run_and_kill(tmp_path)


def test_a_framework_that_does_not_come_up_is_an_error_with_its_own_words(tmp_path):
    says = (sys.executable, "-c", "raise SystemExit('no model')")

    with (
        pytest.raises(LoadTestError, match=r"(?s)the framework did not come up.*no model"),
        FrameworkProcess(says, "/", tmp_path, "bench"),
    ):
        pass
