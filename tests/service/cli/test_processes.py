"""A command as a process: closed pipes, full disks, Ctrl-C, bugs, and mistakes `serve` finds."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "service.cli.main"]
FULL = Path("/dev/full")


def run(*arguments: str, code: str = "", **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command, or lines of Python that run one; it ends by itself."""
    command = [sys.executable, "-c", code] if code else COMMAND
    clean = {k: v for k, v in os.environ.items() if not k.startswith("FFF_")}
    given: dict[str, Any] = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "env": clean,
    } | options
    ended: subprocess.CompletedProcess[str] = subprocess.run(
        [*command, *arguments], text=True, timeout=120, **given
    )
    return ended


def test_a_reader_that_has_gone_is_no_error_to_talk_about():
    """As in `fff-serve list | head -1`."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as output:
        ended = run("serve", "--help", stdout=output)

    assert (ended.returncode, ended.stderr) == (1, "")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("arguments", [["show", "digits"], ["--help"], ["list", "--json"]])
def test_a_full_disk_is_one_line(arguments):
    with FULL.open("w") as output:
        ended = run(*arguments, stdout=output)

    assert ended.returncode == 1
    assert ended.stderr == "fff-serve: input or output failed: No space left on device\n"


def test_ctrl_c_ends_a_command_without_a_word():
    interrupted = (
        "import signal\nfrom service.cli import failures, store\n"
        "from service.cli.main import app\n"
        "def interrupt(*_): signal.raise_signal(signal.SIGINT)\n"
        "store.open_store = interrupt\nraise SystemExit(failures.run(app))"
    )

    ended = run("list", code=interrupted)

    assert (ended.returncode, ended.stdout, ended.stderr) == (128 + signal.SIGINT, "", "")


def test_a_bug_keeps_its_traceback_and_asks_for_a_report():
    broken = (
        "from service.cli import store\nfrom service.cli.main import main\n"
        "store.open_store = lambda path: path.unheard_of\nmain()"
    )

    ended = run("list", code=broken)

    assert ended.returncode == 1
    assert "Traceback" in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("fff-serve: this is a bug in fff-serve")


def test_too_little_memory_is_no_bug():
    greedy = (
        "from service.cli import store\nfrom service.cli.main import main\n"
        "store.open_store = lambda path: bytearray(1 << 62)\nmain()"
    )

    ended = run("list", code=greedy)

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "not enough memory" in ended.stderr


def test_serve_says_in_one_line_what_it_cannot_start_with(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        in_use = run("serve", "--port", port)
    no_store = run("serve", "--port", "0", "--store", str(tmp_path / "nonesuch"))
    no_certificate = run("serve", "--ssl-certfile", str(tmp_path / "nonesuch"))

    for ended, code, named in (
        (in_use, 1, f"127.0.0.1:{port}: address already in use"),
        (no_store, 1, "nonesuch"),
        (no_certificate, 2, "ssl_certfile (--ssl-certfile)"),
    ):
        said = [line for line in ended.stderr.splitlines() if line.startswith("fff-serve: ")]
        assert ended.returncode == code
        assert len(said) == 1
        assert named in said[0]
        assert "Traceback" not in ended.stderr


def test_no_command_is_help_and_misuse():
    ended = run()

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("Usage: fff-serve ")
