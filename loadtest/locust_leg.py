"""
One leg of a load test: locust without its page, in a process of its own, on one side.

A process of its own because locust replaces sockets and threads of the whole process, and
because a leg must not inherit the one before it.
"""

import csv
import json
import resource
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from loadtest.harness.errors import LoadTestError

Side = Literal["fff", "dense"]
USER_CLASSES: dict[Side, str] = {"fff": "FFFUser", "dense": "DenseUser"}
LOCUSTFILE = Path(__file__).with_name("locustfile.py")
ROOT = LOCUSTFILE.parents[1]  # locust imports from its working directory before all else
GRACE_S = 60  # beyond a leg's own time: start, last answers, reports


@dataclass(frozen=True, slots=True)
class UserLoad:
    """
    What the users of a leg send.

    Attributes:
        users: At a time, each with one request under way.
        duration_s: Seconds of the leg.
        rows: In a request.
        model: Name of the FFF, whichever side is loaded.
        images: IDX file.
    """

    users: int
    duration_s: int
    rows: int
    model: str
    images: Path


@dataclass(frozen=True, slots=True)
class ClientCounts:
    """
    What the users of a leg saw.

    Attributes:
        requests: With the failed ones.
        failures: Requests without a right answer.
        seconds: From the start of the leg until its last request.
        response_ms: Number of requests by the time they took, to three digits.
        errors: Number of requests by the text they failed with.
        generator_cpu_s: Processor time of locust itself; near one core's worth, it and not the
            service sets the rate.
    """

    requests: int
    failures: int
    seconds: float
    response_ms: Counter[float]
    errors: Counter[str]
    generator_cpu_s: float


def run_leg(url: str, side: Side, load: UserLoad, report: Path) -> ClientCounts:
    """
    Load one side.

    Args:
        url: Of the service, scheme, host and port.
        side: Of the served pair.
        load: For the users of this leg.
        report: Locust's own reports are this path with `.html` and `_*.csv` appended.

    Raises:
        LoadTestError: If locust itself fails. Failed requests are counted, not raised.
    """
    cpu_before_s = _ended_children_cpu_s()
    try:
        result = subprocess.run(
            _command(url, side, load, report),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=load.duration_s + GRACE_S,
        )
    except subprocess.TimeoutExpired:
        raise LoadTestError(f"locust did not end {GRACE_S} s after the {side} leg") from None
    if result.returncode != 0:
        last = result.stderr.strip().splitlines()[-1:] or ["(no message)"]
        raise LoadTestError(f"locust ended the {side} leg with code {result.returncode}: {last[0]}")
    used_s = _ended_children_cpu_s() - cpu_before_s
    return client_counts(json.loads(result.stdout), Path(f"{report}_failures.csv"), used_s)


def _command(url: str, side: Side, load: UserLoad, report: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "locust", "--locustfile", str(LOCUSTFILE), "--host", url),
        *("--headless", "--json", "--skip-log-setup", "--exit-code-on-error", "0"),
        *("--users", str(load.users), "--spawn-rate", str(load.users)),
        *("--run-time", f"{load.duration_s}s", "--stop-timeout", "10"),
        *("--csv", f"{report.resolve()}", "--html", f"{report.resolve()}.html"),
        *("--rows", str(load.rows), "--model", load.model),
        *("--images", str(load.images.resolve())),
        USER_CLASSES[side],
    ]


def _ended_children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def client_counts(
    entries: list[dict[str, Any]], failures_csv: Path, generator_cpu_s: float
) -> ClientCounts:
    """
    Add up locust's own statistics.

    Args:
        entries: Of its `--json`, one for each name of a request.
        failures_csv: Of its `--csv`; it alone has the failures' texts.
        generator_cpu_s: Processor time of locust in this leg.

    Raises:
        LoadTestError: If no request was made.
    """
    if not sum(entry["num_requests"] for entry in entries):
        raise LoadTestError("locust made no requests")
    response_ms: Counter[float] = Counter()
    for entry in entries:
        response_ms.update({float(ms): n for ms, n in entry["response_times"].items()})
    ended_s = max(entry["last_request_timestamp"] for entry in entries)
    return ClientCounts(
        requests=sum(entry["num_requests"] for entry in entries),
        failures=sum(entry["num_failures"] for entry in entries),
        seconds=ended_s - min(entry["start_time"] for entry in entries),
        response_ms=response_ms,
        errors=_read_errors(failures_csv),
        generator_cpu_s=generator_cpu_s,
    )


def _read_errors(failures_csv: Path) -> Counter[str]:
    with failures_csv.open(newline="") as file:
        rows = list(csv.DictReader(file))
    errors: Counter[str] = Counter()
    for row in rows:
        errors[row["Error"]] += int(row["Occurrences"])
    return errors
