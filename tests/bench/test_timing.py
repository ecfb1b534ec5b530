"""The bench's clock: who is called when, without looking at one."""

from bench.timing import MIN_ROUNDS, TimedCall, cold_call_s, warm_call_s


def recorded(calls, name, lap=1):
    return TimedCall(lambda: calls.append(name), lap, lambda: calls.append(f"prepare {name}"))


def test_a_warm_block_begins_with_a_lap_of_the_same_side(monkeypatch):
    monkeypatch.setattr("bench.timing.BLOCK_S", 0.0)  # one call a block
    calls: list[str] = []

    times = warm_call_s({"a": recorded(calls, "a", lap=2), "b": recorded(calls, "b")}, 0)

    first_round = ["prepare a", "a", "a", "prepare b", "b", "b"]  # to see how long a call takes
    each_round = ["prepare a", "a", "a", "a", "prepare b", "b", "b"]
    assert calls == first_round + MIN_ROUNDS * each_round
    assert set(times) == {"a", "b"}


def test_a_cold_call_follows_a_flush_at_once():
    calls: list[str] = []

    times, _ = cold_call_s({"a": recorded(calls, "a")}, lambda: calls.append("flush"), rounds=2)

    assert calls == 2 * ["prepare a", "flush", "a"]
    assert set(times) == {"a"}
