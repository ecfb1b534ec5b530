"""
wrk, the load generator of the request-path bench: one thread, some connections, some seconds.

wrk and not locust, because a client in Python would cost more than the service it measures.
"""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("post.lua")
GRACE_S = 30
TIMEOUT = "10s"  # wrk's own 2 s would call the last in a slow server's queue an error


class WrkError(RuntimeError):
    """wrk is not there or did not run."""


class NothingAnswered(WrkError):
    """A server that answered none of wrk's requests."""


@dataclass(frozen=True, slots=True)
class WrkFigures:
    """
    What wrk counted.

    Attributes:
        requests: Answered ones, with any status.
        seconds: Of sending, by wrk's own clock.
        p50_ms: Of a request, like `p99_ms` as wrk corrects it: while an answer is late, requests
            that would have been sent meanwhile count as late too.
        errors: Failed connections, time-outs and answers of 400 and above.
    """

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int


def find_wrk() -> str:
    """
    Locate the command.

    Raises:
        WrkError: Saying how to install it.
    """
    path = shutil.which("wrk")
    if path is None:
        raise WrkError("the load generator wrk is not installed: apt-get install wrk")
    return path


def run_wrk(wrk: str, url: str, bodies: Path, connections: int, duration_s: int) -> WrkFigures:
    """
    Post for a while.

    Args:
        wrk: Path of the command.
        url: Scheme, host, port and path.
        bodies: File of `bench.http.bodies.write_requests`; its bodies are sent in turn.
        connections: Kept open, each with one request under way.
        duration_s: Seconds until the last request is sent.

    Raises:
        NothingAnswered: If no request was answered.
        WrkError: If wrk fails.
    """
    load = ["-t", "1", "-c", str(connections), "-d", f"{duration_s}s"]
    load += ["--timeout", TIMEOUT]
    command = [wrk, *load, "-s", str(SCRIPT), url, "--", str(bodies)]
    limit_s = duration_s + GRACE_S
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=limit_s)
    except subprocess.TimeoutExpired:
        raise WrkError(f"wrk did not end after {limit_s} s") from None
    if result.returncode != 0:
        raise WrkError(f"wrk failed: {(result.stderr or result.stdout).strip()[-200:]}")
    figures = WrkFigures(**json.loads(result.stdout.splitlines()[-1]))
    if not figures.requests:
        raise NothingAnswered(f"no request of wrk was answered in {duration_s} s")
    return figures
