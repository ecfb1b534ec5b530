"""The legs of the request-path bench: every server under every load, in turn, round after round."""

import sys
from collections.abc import Mapping, Sequence

from bench.http.bodies import Requests
from bench.http.cells import FailedLeg, Leg, Legs, Load
from bench.http.poster import compute_ms, post
from bench.http.sides import Side, What
from bench.http.wrk import NothingAnswered, run_wrk
from loadtest.harness.errors import LoadTestError
from loadtest.harness.exposition import ServerCounts, read_counts
from loadtest.harness.service_api import get

Sent = Mapping[What, Requests]
OVERHEAD_S = 0.2  # of a leg: wrk's start and end, two scrapes
HEAVY_ROWS, HEAVY_LEGS = 4096, 3
"""
With that many rows under way a leg lasts that many times as long: the pydantic endpoint takes
16 ms for 64 rows of JSON, so 64 connections wait 1 s for it (Xeon, 2026-11-24).
"""
LONGER_LEGS = 3  # the second try of a leg without an answer lasts so many times as long


def measure_all(
    wrk: str,
    sides: Sequence[Side],
    loads: Sequence[Load],
    sent: Sent,
    rounds: int,
    duration_s: int,
) -> Legs:
    """
    Ask every server under every load that it takes.

    Within a round the servers take turns at each load, and each round another one begins: the
    machine's drift, and whatever a server leaves behind for the next, meets all of them.

    Args:
        wrk: From `find_wrk`.
        sides: Running, their answers checked.
        loads: In this order.
        sent: The requests.
        rounds: Legs of a server under a load.
        duration_s: Of a leg, but for heavy loads.

    Returns:
        The legs; where a server answered nothing or ended, a failed one, and the run goes on.

    Raises:
        WrkError: If wrk fails.
    """
    legs: Legs = {(side.name, load): [] for load in loads for side in _taking(sides, load)}
    all_s = rounds * sum(leg_s(load, duration_s) + OVERHEAD_S for _, load in legs)
    print(f"about {all_s:.0f} s to come …", file=sys.stderr)
    for number in range(rounds):
        print(f"round {number + 1} of {rounds} …", file=sys.stderr)
        first = number % len(sides)
        for load in loads:
            for side in _taking([*sides[first:], *sides[:first]], load):
                legs[side.name, load].append(
                    attempt(wrk, side, load, sent, leg_s(load, duration_s))
                )
    return legs


def leg_s(load: Load, duration_s: int) -> int:
    """Seconds of a leg under a load."""
    return duration_s * (HEAVY_LEGS if load.rows * load.connections >= HEAVY_ROWS else 1)


def warm(wrk: str, sides: Sequence[Side], loads: Sequence[Load], sent: Sent) -> None:
    """Load every server for a second: the first of a process are not like the rest."""
    for side in sides:
        load = max(_taken(side, loads), key=lambda load: load.connections, default=None)
        if load:
            attempt(wrk, side, load, sent, leg_s(load, 1))


def attempt(wrk: str, side: Side, load: Load, sent: Sent, duration_s: int) -> Leg | FailedLeg:
    """
    Load one server once; if it answers nothing, once more and longer.

    A server that answers all connections as one batch answers nothing until that batch is done:
    of 64 requests of 64 rows of JSON in mosec, 0.3 to 0.8 s on a busy machine, while a lone request
    is answered within 0.05 s of SIGCONT (150 legs, AMD EPYC, 2 cores, 2026-11-25).

    Raises:
        WrkError: If wrk fails.
    """
    try:
        try:
            return measure(wrk, side, load, sent, duration_s)
        except NothingAnswered:
            return measure(wrk, side, load, sent, LONGER_LEGS * duration_s)
    except (NothingAnswered, LoadTestError) as exc:
        print(f"{side.name}: {exc}", file=sys.stderr)
        return FailedLeg(str(exc))


def measure(wrk: str, side: Side, load: Load, sent: Sent, duration_s: int) -> Leg:
    """
    Load one server once.

    Raises:
        NothingAnswered: By this server.
        LoadTestError: If it does not answer a lone request, before or after; or has ended.
        WrkError: If wrk fails.
    """
    what = load.form, load.rows
    requests = side.own.get(what) or sent[what]
    with side.awake():
        return _measure(wrk, side, load, requests, duration_s)


def _measure(wrk: str, side: Side, load: Load, requests: Requests, duration_s: int) -> Leg:
    url = side.urls[load.form, load.rows]
    _settle(side, url, requests)
    counts_before, cpu_before_s = _counts(side), side.process.cpu_s()
    figures = run_wrk(wrk, url, requests.path, load.connections, duration_s)
    used_s = side.process.cpu_s() - cpu_before_s
    _settle(side, url, requests)
    if not counts_before:
        return Leg(figures, used_s)
    alone = load.connections == 1
    return Leg(
        figures,
        used_s,
        read_counts(get(f"{side.process.url}/metrics").decode(), side.counted) - counts_before,
        compute_ms(url, requests.bodies[0]) if alone else None,
    )


def _settle(side: Side, url: str, requests: Requests) -> None:
    """
    Ask once more: it is answered when what wrk left behind is, and the next leg is another's alone.

    A framework's front end knows nothing of the queue behind it: there the request is a real one.
    """
    if side.own:
        post(url, requests.bodies[0])
    else:
        side.process.settle()


def _taking(sides: Sequence[Side], load: Load) -> list[Side]:
    return [side for side in sides if (load.form, load.rows) in side.urls]


def _taken(side: Side, loads: Sequence[Load]) -> list[Load]:
    return [load for load in loads if (load.form, load.rows) in side.urls]


def _counts(side: Side) -> ServerCounts | None:
    if not side.counted:
        return None
    return read_counts(get(f"{side.process.url}/metrics").decode(), side.counted)
