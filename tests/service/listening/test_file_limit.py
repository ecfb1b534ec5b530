"""How many clients may be connected, given how many files may be open."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.listening.accepting import MOST_AT_ONCE
from service.listening.connection_limit import FOR_PROBES
from service.listening.file_limit import DEFAULT_MOST, most_connections
from service.listening.operations_port import MOST_CONNECTIONS
from service.settings import Settings, SettingsError

IDLE_FILES = 40


@given(st.integers(1024, 2**20))
def test_by_default_there_is_room_for_everything_else(files):
    """The operations port too, and those that are closed for others and not yet gone."""
    most = most_connections(Settings(), files)

    assert 1 <= most <= DEFAULT_MOST
    kept = IDLE_FILES + FOR_PROBES + MOST_CONNECTIONS + FOR_PROBES
    assert most + kept + min(MOST_AT_ONCE, most) <= files


@given(st.integers(256, 2**20))
def test_what_the_default_may_be_may_be_asked_for_and_no_more_than_fits(files):
    most = most_connections(Settings(), files)

    assert most_connections(Settings(max_connections=most), files) == most
    with pytest.raises(SettingsError, match=rf"max_connections: .* {files} files .*got {files}"):
        most_connections(Settings(max_connections=files), files)


def test_the_soft_limit_is_raised_to_the_hard_one():
    program = """
import resource
from service.listening.file_limit import raise_file_limit
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 512))
print(raise_file_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE), raise_file_limit())
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert told.stdout.split() == ["512"] * 4
