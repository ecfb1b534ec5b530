"""The share of the machine that other processes took."""

from bench.others import Others


def test_what_this_process_computes_is_not_others(monkeypatch, tmp_path):
    stat, clock = tmp_path / "stat", iter([0.0, 10.0])
    monkeypatch.setattr("bench.others._TICKS", stat)
    monkeypatch.setattr("bench.others.time.monotonic", lambda: next(clock))
    monkeypatch.setattr("bench.others.os.sysconf", lambda name: 100)
    monkeypatch.setattr("bench.others.os.times", lambda: (0.0,) * 5)
    stat.write_text("cpu  100 0 0 500 0 0 0 0 0 0\ncpu0 100 0 0 500\n")
    others = Others()
    monkeypatch.setattr("bench.others.os.times", lambda: (6.0, 1.0, 0.0, 0.0, 0.0))
    stat.write_text("cpu  1100 0 100 900 10 0 0 0 0 0\ncpu0 1 2 3 4\n")

    assert others.cores() == 0.4  # 11 s busy in 10 s, 7 of them ours


def test_a_system_that_does_not_say_is_none(monkeypatch, tmp_path):
    monkeypatch.setattr("bench.others._TICKS", tmp_path / "nothing")

    assert Others().cores() is None
