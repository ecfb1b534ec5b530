"""The share of the machine that other processes took."""

import sys
from collections import namedtuple

import psutil

from bench.others import Others

Times = namedtuple("Times", "user system idle iowait guest")


def test_what_this_process_computes_is_not_others(monkeypatch):
    clock = iter([0.0, 10.0])
    monkeypatch.setattr("bench.others.time.monotonic", lambda: next(clock))
    monkeypatch.setattr("bench.others.os.times", lambda: (0.0,) * 5)
    monkeypatch.setattr(psutil, "cpu_times", lambda: Times(1.0, 0.0, 5.0, 0.0, 0.5))
    others = Others()
    monkeypatch.setattr("bench.others.os.times", lambda: (6.0, 1.0, 0.0, 0.0, 0.0))
    monkeypatch.setattr(psutil, "cpu_times", lambda: Times(11.0, 1.0, 9.0, 0.1, 0.7))

    assert others.cores() == 0.4  # 11 s busy in 10 s, 7 of them ours


def test_a_system_that_does_not_say_is_none(monkeypatch, tmp_path):
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))

    assert Others().cores() is None


def test_without_psutil_nobody_says(monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", None)

    assert Others().cores() is None
