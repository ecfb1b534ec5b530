"""The legs of the request-path bench: every server under every load, in turn, round after round."""

import sys
from collections.abc import Sequence

from bench.http.bodies import RequestFile, RequestFiles
from bench.http.cells import FailedLeg, Leg, Legs, Load
from bench.http.poster import compute_ms, post
from bench.http.sides import Server
from bench.http.wrk import NothingAnswered, run_wrk
from loadtest.harness.errors import LoadTestError
from loadtest.harness.exposition import ServerCounts, read_counts
from loadtest.harness.service_api import get

OVERHEAD_S = 0.2  # of a leg: wrk's start and end, two scrapes
HEAVY_ROWS, HEAVY_LEGS = 4096, 3
"""
With that many rows under way a leg lasts that many times as long: the pydantic endpoint takes
16 ms for 64 rows of JSON, so 64 connections wait 1 s for it (Xeon, 2026-11-24).
"""
LONGER_LEGS = 3  # the second try of a leg without an answer lasts so many times as long


def measure_all(
    wrk: str,
    servers: Sequence[Server],
    loads: Sequence[Load],
    requests: RequestFiles,
    rounds: int,
    duration_s: int,
) -> Legs:
    """
    Load every server with all that it takes.

    Within a round the servers take turns at each load, and each round another one begins: the
    machine's drift, and whatever a server leaves behind for the next, meets all of them.

    Args:
        wrk: Path of the command.
        servers: Running, their answers checked.
        loads: Their order is the order of a round.
        requests: Written for wrk, by their type.
        rounds: Legs of a server under a load.
        duration_s: Seconds of a leg, but for heavy loads.

    Returns:
        The legs; where a server answered nothing or ended, a failed one, and the run goes on.

    Raises:
        WrkError: If wrk fails.
    """
    legs: Legs = {(server.name, load): [] for load in loads for server in _taking(servers, load)}
    all_s = rounds * sum(leg_s(load, duration_s) + OVERHEAD_S for _, load in legs)
    print(f"about {all_s:.0f} s to come …", file=sys.stderr)
    for number in range(rounds):
        print(f"round {number + 1} of {rounds} …", file=sys.stderr)
        first = number % len(servers)
        for load in loads:
            for server in _taking([*servers[first:], *servers[:first]], load):
                leg = attempt(wrk, server, load, requests, leg_s(load, duration_s))
                legs[server.name, load].append(leg)
    return legs


def leg_s(load: Load, duration_s: int) -> int:
    """Seconds of a leg under a load."""
    return duration_s * (HEAVY_LEGS if load.rows * load.connections >= HEAVY_ROWS else 1)


def warm(
    wrk: str, servers: Sequence[Server], loads: Sequence[Load], requests: RequestFiles
) -> None:
    """Load every server for a second: the first of a process are not like the rest."""
    for server in servers:
        taken = [load for load in loads if _takes(server, load)]
        load = max(taken, key=lambda load: load.connections, default=None)
        if load:
            attempt(wrk, server, load, requests, leg_s(load, 1))


def attempt(
    wrk: str, server: Server, load: Load, requests: RequestFiles, duration_s: int
) -> Leg | FailedLeg:
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
            return measure(wrk, server, load, requests, duration_s)
        except NothingAnswered:
            return measure(wrk, server, load, requests, LONGER_LEGS * duration_s)
    except (NothingAnswered, LoadTestError) as exc:
        print(f"{server.name}: {exc}", file=sys.stderr)
        return FailedLeg(str(exc))


def measure(wrk: str, server: Server, load: Load, requests: RequestFiles, duration_s: int) -> Leg:
    """
    Load one server once.

    Raises:
        NothingAnswered: By this server.
        LoadTestError: If it does not answer a lone request, before or after; or has ended.
        WrkError: If wrk fails.
    """
    request_type = load.form, load.rows
    file = server.own_requests.get(request_type) or requests[request_type]
    with server.awake():
        return _measure(wrk, server, load, file, duration_s)


def _measure(wrk: str, server: Server, load: Load, file: RequestFile, duration_s: int) -> Leg:
    url = server.urls[load.form, load.rows]
    _settle(server, url, file)
    counts_before, cpu_before_s = _counts(server), server.process.cpu_s()
    figures = run_wrk(wrk, url, file.path, load.connections, duration_s)
    used_s = server.process.cpu_s() - cpu_before_s
    _settle(server, url, file)
    counts_after = _counts(server)
    if not counts_before or not counts_after:
        return Leg(figures, used_s)
    alone = load.connections == 1
    alone_ms = compute_ms(url, file.bodies[0]) if alone else None
    return Leg(figures, used_s, counts_after - counts_before, alone_ms)


def _settle(server: Server, url: str, file: RequestFile) -> None:
    """
    Ask once more: it is answered when what wrk left behind is, and the next leg is another's alone.

    A framework's front end knows nothing of the queue behind it: there the request is a real one.
    """
    if server.own_requests:
        post(url, file.bodies[0])
    else:
        server.process.settle()


def _taking(servers: Sequence[Server], load: Load) -> list[Server]:
    return [server for server in servers if _takes(server, load)]


def _takes(server: Server, load: Load) -> bool:
    return (load.form, load.rows) in server.urls


def _counts(server: Server) -> ServerCounts | None:
    if not server.metrics_model:
        return None
    return read_counts(get(f"{server.process.url}/metrics").decode(), server.metrics_model)
