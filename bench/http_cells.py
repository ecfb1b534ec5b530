"""The figures of the request-path bench: from the legs of a server to a cell of the report."""

from dataclasses import dataclass
from statistics import median

from bench.wrk import WrkFigures
from loadtest.exposition import ServerCounts


@dataclass(frozen=True, slots=True)
class Leg:
    """One server under one load once: as wrk saw it, its processor time, its own counts."""

    client: WrkFigures
    cpu_s: float
    server: ServerCounts

    @property
    def requests_per_s(self) -> float:
        return self.client.requests / self.client.seconds


@dataclass(frozen=True, slots=True)
class Cell:
    """One server under one load, by the field names of the interface contract."""

    server: str
    form: str
    rows: int
    connections: int
    requests_per_s: float
    rows_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_ms_per_request: float
    errors: int
    rows_per_batch: float


@dataclass(frozen=True, slots=True)
class Gain:
    """How many times the requests a second batching gives; over the rounds of one load."""

    connections: int
    ratio: float
    lowest: float
    highest: float

    def sentence(self) -> str:
        """Say it in words."""
        return (
            f"{self.connections} connections: batching answers {self.ratio:.2f} times the requests "
            f"of one row a batch ({self.lowest:.2f} to {self.highest:.2f} over the rounds)"
        )


def cell(server: str, form: str, connections: int, legs: list[Leg]) -> Cell:
    """Take the medians of a server's legs of one-row requests; errors are added up."""
    rate = median(leg.requests_per_s for leg in legs)
    return Cell(
        server=server,
        form=form,
        rows=1,
        connections=connections,
        requests_per_s=rate,
        rows_per_s=rate,
        p50_ms=median(leg.client.p50_ms for leg in legs),
        p99_ms=median(leg.client.p99_ms for leg in legs),
        cpu_ms_per_request=median(1000 * leg.cpu_s / leg.client.requests for leg in legs),
        errors=sum(leg.client.errors for leg in legs),
        rows_per_batch=median(leg.server.rows_per_batch or 0.0 for leg in legs),
    )


def gain(connections: int, batched: list[Leg], unbatched: list[Leg]) -> Gain:
    """Compare legs of the same round: only what ran side by side ran at the same speed."""
    ratios = [
        one.requests_per_s / other.requests_per_s
        for one, other in zip(batched, unbatched, strict=True)
    ]
    return Gain(connections, median(ratios), min(ratios), max(ratios))
