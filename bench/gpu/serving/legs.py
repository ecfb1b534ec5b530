"""One leg: a service under a load of so many connections, seen from both ends."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.gpu.serving.load import LENGTH
from bench.gpu.serving.models import ROWS
from bench.gpu.serving.process import DeviceService
from bench.http.bodies import Body
from loadtest.harness.errors import LoadTestError
from loadtest.harness.exposition import read_counts
from loadtest.harness.service_api import get, infer_path

MOST_PROCESSES = 4
_LIMIT_S = 30.0  # for a leg, beyond its length


def run_leg(
    service: DeviceService, model: str, bodies: Sequence[Body], connections: int, seconds: float
) -> dict[str, Any]:
    """
    Load a model and count.

    Returns:
        Requests and rows a second, p50 and p99 in milliseconds; the service's processor
        time a request, rows a batch, mean milliseconds of a batch, and the share of the time that
        batches were computed; the GPU's busy share and power draw, as `nvidia-smi` samples them.

    Raises:
        LoadTestError: If anything is not answered, or with another status than 200.
    """
    url = service.url + infer_path(model)
    counts_before, cpu_before_s = _counts(service, model), service.cpu_s()
    with tempfile.TemporaryDirectory() as folder, _sampled_gpu() as gpu:
        file = Path(folder) / "requests"
        _write_requests(url, bodies, file)
        results = _run_clients(url, file, connections, seconds)
    cpu_s, counts = service.cpu_s() - cpu_before_s, _counts(service, model) - counts_before
    us = sorted(us for result in results for us in result["us"])
    errors = sum(result["errors"] for result in results)
    if errors or not us:
        raise LoadTestError(
            f"{model}: of {len(us)} requests that counted and some before, {errors} failed"
        )
    took_s = max(result["seconds"] for result in results)
    return {
        "requests_per_s": round(len(us) / took_s, 1),
        "rows_per_s": round(ROWS * len(us) / took_s),
        "p50_ms": us[len(us) // 2] / 1e3,
        "p99_ms": us[int(0.99 * len(us))] / 1e3,
        "cpu_ms_per_request": round(1e3 * cpu_s / max(1, counts.queued_requests), 4),
        "rows_per_batch": counts.rows_per_batch,
        "compute_ms": counts.compute_ms,
        "compute_share": round(counts.computed_s / took_s, 3),  # of a little more than that time
        **gpu,
    }


def _counts(service: DeviceService, model: str) -> Any:
    return read_counts(get(f"{service.url}/metrics").decode(), model)


def _run_clients(url: str, file: Path, connections: int, seconds: float) -> list[dict[str, Any]]:
    count = max(1, min(MOST_PROCESSES, connections, (os.cpu_count() or 2) // 4))
    shares = [connections // count + (k < connections % count) for k in range(count)]
    command = [sys.executable, "-m", "bench.gpu.serving.load", url, str(file)]
    with ExitStack() as running:
        clients = [
            running.enter_context(
                subprocess.Popen([*command, str(n), str(seconds)], stdout=subprocess.PIPE)
            )
            for n in shares
        ]
        try:
            return [json.loads(c.communicate(timeout=seconds + _LIMIT_S)[0]) for c in clients]
        finally:
            for client in clients:
                client.kill()  # ended already, if all went well


def _write_requests(url: str, bodies: Sequence[Body], file: Path) -> None:
    """Write requests as they go over the wire, each behind its length."""
    place = urlsplit(url)
    with file.open("wb") as out:
        for body in bodies:
            fields = {"Host": place.netloc, "Content-Length": len(body.content), **body.headers}
            lines = [f"POST {place.path} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
            request = "\r\n".join(lines).encode() + b"\r\n\r\n" + body.content
            out.write(LENGTH.pack(len(request)) + request)


@contextmanager
def _sampled_gpu() -> Any:
    """Fill what is yielded, at the end of the block, with the means of five samples a second."""
    means: dict[str, Any] = {}
    query = ["--query-gpu=utilization.gpu,power.draw", "--format=csv,noheader,nounits"]
    try:
        smi = subprocess.Popen(
            ["nvidia-smi", *query, "-lms", "200"], stdout=subprocess.PIPE, text=True
        )
    except OSError:  # there is none
        yield means
        return
    try:
        yield means
    finally:
        smi.terminate()
        lines = [line.split(",") for line in smi.communicate()[0].splitlines()]
        samples = [(float(busy), float(watts)) for busy, watts in lines if busy.strip().isdigit()]
        if samples:
            means["gpu_busy_percent"] = round(sum(s[0] for s in samples) / len(samples), 1)
            means["gpu_watts"] = round(sum(s[1] for s in samples) / len(samples), 1)
