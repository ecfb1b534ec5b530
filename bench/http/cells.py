"""The figures of the request-path bench: from the legs of the servers to what is reported."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.http.bodies import Form
from bench.http.wrk import WrkFigures
from loadtest.harness.exposition import ServerCounts


@dataclass(frozen=True, slots=True)
class Load:
    """
    What a server is loaded with.

    Attributes:
        form: Of the requests.
        rows: In a request.
        connections: Kept open, each with one request under way.
    """

    form: Form
    rows: int
    connections: int


@dataclass(frozen=True, slots=True)
class Leg:
    """
    One server under one load once.

    Attributes:
        client: As wrk saw it.
        cpu_s: Processor time of the server.
        server: Its own counts; None of a server that does not count.
        compute_ms: Of such a request alone, as the service says it in its answers; None where
            nobody asked.
    """

    client: WrkFigures
    cpu_s: float
    server: ServerCounts | None = None
    compute_ms: float | None = None

    @property
    def requests_per_s(self) -> float:
        return self.client.requests / self.client.seconds


@dataclass(frozen=True, slots=True)
class FailedLeg:
    """A leg without figures, and the reason."""

    reason: str


Legs = dict[tuple[str, Load], list[Leg | FailedLeg]]  # by server, in order of rounds


@dataclass(frozen=True, slots=True)
class Cell:
    """
    One server under one load, by the field names of the interface contract.

    Attributes:
        fault: Why there are no figures, or how many legs are not in them; each counts in `errors`.
    """

    server: str
    form: Form
    rows: int
    connections: int
    requests_per_s: float | None
    rows_per_s: float | None
    p50_ms: float | None
    p99_ms: float | None
    cpu_ms_per_request: float | None
    errors: int
    rows_per_batch: float | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times the requests a second of `server` ours answers; over the rounds of a load."""

    server: str
    form: Form
    rows: int
    connections: int
    ratio: float
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class AddedLatency:
    """
    What the service adds, at one connection, to a server that computes nothing and the kernel.

    Attributes:
        round_trip_ms: Median as wrk saw it.
        compute_ms: Median computation, as the service says it in its answers.
        floor_ms: Median round trip to the constant answer.
        added_ms: What remains of the first without the other two: median over the rounds.
    """

    form: Form
    rows: int
    round_trip_ms: float
    compute_ms: float
    floor_ms: float
    added_ms: float


def cell(server: str, load: Load, legs: Sequence[Leg | FailedLeg]) -> Cell:
    """Take the medians of a server's legs; errors are added up, a failed leg is one."""
    failed = [leg for leg in legs if isinstance(leg, FailedLeg)]
    done = _done(legs)
    fault = _fault(load, failed, len(legs)) if failed else None
    if not done:
        return faulty_cell(server, load, str(fault), errors=len(failed))
    rate = median(leg.requests_per_s for leg in done)
    counts = [leg.server.rows_per_batch or 0.0 for leg in done if leg.server]
    return Cell(
        server=server,
        form=load.form,
        rows=load.rows,
        connections=load.connections,
        requests_per_s=rate,
        rows_per_s=rate * load.rows,
        p50_ms=median(leg.client.p50_ms for leg in done),
        p99_ms=median(leg.client.p99_ms for leg in done),
        cpu_ms_per_request=median(1000 * leg.cpu_s / leg.client.requests for leg in done),
        errors=sum(leg.client.errors for leg in done) + len(failed),
        rows_per_batch=median(counts) if counts else None,
        fault=fault,
    )


def faulty_cell(server: str, load: Load, fault: str, errors: int = 1) -> Cell:
    """The cell of a server without figures."""
    nothing = (None,) * 5
    return Cell(server, load.form, load.rows, load.connections, *nothing, errors, fault=fault)


def ratios(legs: Legs, ours: str) -> list[Ratio]:
    """Compare legs of the same round: only what ran side by side ran at the same speed."""
    compared = []
    for (server, load), theirs in legs.items():
        if server == ours or (ours, load) not in legs:
            continue
        each = _by_round(legs[ours, load], theirs, lambda a, b: a.requests_per_s / b.requests_per_s)
        if each:
            place = server, load.form, load.rows, load.connections
            compared.append(Ratio(*place, median(each), min(each), max(each)))
    return compared


def added_latencies(legs: Legs, ours: str, floor: str) -> list[AddedLatency]:
    """Take the service's round trip apart, wherever it and the floor had one connection."""
    added = []
    for (server, load), of_ours in legs.items():
        if server != ours or load.connections != 1 or (floor, load) not in legs:
            continue
        of_floor = legs[floor, load]
        if each := _by_round(of_ours, of_floor, _added_ms):
            added.append(
                AddedLatency(
                    load.form,
                    load.rows,
                    round_trip_ms=median(leg.client.p50_ms for leg in _done(of_ours)),
                    compute_ms=median(leg.compute_ms or 0.0 for leg in _done(of_ours)),
                    floor_ms=median(leg.client.p50_ms for leg in _done(of_floor)),
                    added_ms=median(each),
                )
            )
    return added


def _added_ms(ours: Leg, floor: Leg) -> float:
    return ours.client.p50_ms - (ours.compute_ms or 0.0) - floor.client.p50_ms


def _by_round(
    ours: Sequence[Leg | FailedLeg],
    theirs: Sequence[Leg | FailedLeg],
    compare: Callable[[Leg, Leg], float],
) -> list[float]:
    """Compare the rounds in which both have figures."""
    return [
        compare(one, other)
        for one, other in zip(ours, theirs, strict=True)
        if isinstance(one, Leg) and isinstance(other, Leg)
    ]


def _done(legs: Sequence[Leg | FailedLeg]) -> list[Leg]:
    return [leg for leg in legs if isinstance(leg, Leg)]


def _fault(load: Load, failed: Sequence[FailedLeg], legs: int) -> str:
    load_text = f"{load.form}, {load.rows} row(s), {load.connections} connection(s)"
    return f"{load_text}: {len(failed)} of {legs} legs failed: {failed[0].reason}"
