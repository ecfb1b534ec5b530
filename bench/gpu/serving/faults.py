"""What a service must live through, and what it must not: loads, no memory, a stop, a lost GPU."""

import json
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from bench.gpu.serving.checks import Traffic, load_model
from bench.gpu.serving.memory import scarce_memory
from bench.gpu.serving.models import HUGE, bodies_by_version, publish_version
from bench.gpu.serving.process import DEADLY, DeviceService
from bench.http.bodies import binary_body
from bench.parity import ParityError
from loadtest.harness.connection import Connection
from loadtest.harness.errors import LoadTestError
from loadtest.harness.service_api import get, infer_path

_DEMO = "digits"


def load_together(service: DeviceService, store: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """
    Load new versions of models at once, while they are asked: the captures must not meet.

    Returns:
        Statuses of the loads, seconds, and right answers by model and version.

    Raises:
        ParityError: An answer that is not its version's, or a load that failed.
    """
    versions = {name: bodies_by_version(name, (1, 2)) for name in names}
    for name in names:
        publish_version(store, name, 2)
    traffic = Traffic(service, versions)

    def load_all() -> list[tuple[int, str]]:
        with ThreadPoolExecutor(len(names)) as pool:
            return list(pool.map(lambda name: load_model(service, name), names))

    began_s = time.monotonic()
    loads = traffic.during(load_all)
    found = {"loads": loads, "took_s": time.monotonic() - began_s, "answers": traffic.answers}
    missing = {f"{name} version {v}" for name in names for v in (1, 2)} - traffic.answers.keys()
    if traffic.wrong or missing or any(status != 200 for status, _ in loads):
        raise ParityError(f"wrong {traffic.wrong}, missing {missing}, {found}")
    return found


def load_without_memory(
    service: DeviceService, store: Path, device: str, asked: str
) -> dict[str, Any]:
    """
    Load a model that there is no room for, then make room and load it.

    Args:
        service: Serves `asked`, which must go on.
        store: Gets `HUGE`.
        device: Whose memory is taken away.
        asked: Is asked meanwhile.

    Raises:
        ParityError: If the load is not refused with 503, costs others an answer, or fails later.
    """
    publish_version(store, HUGE, 1)
    traffic = Traffic(service, {asked: bodies_by_version(asked, (1, 2))})
    with scarce_memory(service, device):
        refused = traffic.during(lambda: load_model(service, HUGE))
    loaded = load_model(service, HUGE)
    huge = Traffic(service, {HUGE: bodies_by_version(HUGE, (1,))})
    if loaded[0] == 200:
        huge.during(lambda: None)
    found = {"refused": refused, "loaded": loaded, "answers": traffic.answers | huge.answers}
    wrong = traffic.wrong | huge.wrong
    if wrong or not traffic.answers or refused[0] != 503 or loaded[0] != 200:
        raise ParityError(f"wrong {wrong}, {found}")
    return found


def show_shadow(service: DeviceService, device: str, limit_s: float) -> dict[str, Any]:
    """
    Ask until the dense twin has computed some of it.

    Raises:
        ParityError: A speed-up for a model on a GPU; or none on a CPU.
        LoadTestError: If the twin computes nothing in time.
    """
    ends_s, body = time.monotonic() + limit_s, binary_body(torch.rand(8, 64))
    with Connection(service.url + infer_path(_DEMO)) as client:
        while time.monotonic() < ends_s:
            client.post(body.content, body.headers)
            shadow: dict[str, Any] = json.loads(get(f"{service.url}/v1/models/{_DEMO}"))["shadow"]
            if shadow["rows"]:
                break
            time.sleep(0.05)
        else:
            raise LoadTestError(f"the twin computed nothing: {shadow}")
    if (shadow["speedup"] is None) != (device == "cuda"):
        raise ParityError(f"speed-up on {device}: {shadow['speedup']}")
    return shadow | {"processes_on_gpu": _processes_on_gpu()}


def stop_under_load(service: DeviceService, asked: str) -> dict[str, Any]:
    """
    Send SIGTERM while clients ask.

    Raises:
        ParityError: If it does not end with 0, or has lost a request.
    """
    traffic = Traffic(service, {asked: bodies_by_version(asked, (1, 2))})
    code = traffic.during(service.end)
    log = "\n".join(service.log())
    counts = re.findall(r"stopped: accepted (\d+) requests, answered (\d+)", log)
    found = {"code": code, "counts": counts, "answers": traffic.answers}
    if code != 0 or len(counts) != 1 or len({*counts[0]}) != 1:
        raise ParityError(f"{found}; {service.complaints()[-5:]}")
    return found


def lose_device(service: DeviceService, limit_s: float) -> dict[str, Any]:
    """
    Break the device under a service, which is to end by itself.

    Raises:
        ParityError: If it does not end with 1 and one line that says why.
        TimeoutExpired: If it does not end.
    """
    row = torch.full((1, 64), DEADLY)
    body, statuses = binary_body(row), list[int]()
    with Connection(service.url + infer_path(_DEMO)) as client:
        for _ in range(3):  # a GPU may find out one batch later
            try:
                statuses.append(client.post(body.content, body.headers).status)
            except LoadTestError:
                break
    try:
        code = service.await_end(limit_s)
    except subprocess.TimeoutExpired:
        raise ParityError(f"it goes on after {statuses}: {service.complaints()[-5:]}") from None
    last = service.log()[-1]
    found = {"statuses": statuses, "code": code, "last": last}
    if code != 1 or 500 not in statuses or not last.startswith("fff-serve: the device is lost: "):
        raise ParityError(str(found))
    return found


def _processes_on_gpu() -> list[str] | None:
    query = ["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, timeout=10).stdout.splitlines()
    except (OSError, subprocess.TimeoutExpired):
        return None
