"""The command line run in this process, as its users run it in one of its own."""

import os
from collections.abc import Callable
from typing import NamedTuple

import pytest

from service.cli import failures
from service.cli.main import app


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture
def command(capsys, monkeypatch) -> Command:
    """Run a command line; its exit code and what it wrote."""
    for name in [name for name in os.environ if name.startswith("FFF_")]:
        monkeypatch.delenv(name)

    def run(*arguments: str) -> Ended:
        code = failures.run(app, arguments)
        return Ended(code, *capsys.readouterr())

    return run
