"""
A large model replaced again and again under load: every answer right, no memory left behind.

    python -m bench.million.reloads --reloads 300

Two versions lie in the store; the newer one's folder is moved away and back, so that each load
finds another newest version. Clients ask all the time and hold each answer against the version
that it names.

Covered:      resident memory of the service before and after; what every client was answered.
Not covered:  how long an answer takes meanwhile.
"""

import argparse
import json
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import torch
from torch import Tensor

from bench.million.weights import strip_tree
from bench.networks import Shape
from fff import reference
from fff.weights import FFFWeights, weight_bytes
from loadtest.harness.connection import Connection
from loadtest.harness.service_process import ServiceProcess
from model_store.store import Store

NAME, KEY = "large", "bench"
LOAD_LIMIT_S = 600
SETTLE_S = 2.0  # between the last load and the reading of the memory


@dataclass
class Tallies:
    """What clients were answered; one thread writes each entry."""

    right: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def publish(root: Path, shape: Shape, versions: int = 2) -> list[FFFWeights]:
    """Put versions of a tree into a store; their weights."""
    drawn = [strip_tree(shape, torch.Generator().manual_seed(seed)) for seed in range(versions)]
    origin = {"how": "training", "recipe": {"weights": "random"}, "seed": 0, "metrics": {}}
    for weights in drawn:
        Store(root).publish(NAME, weights, origin=origin)
    return drawn


def ask(url: str, body: bytes, truths: list[Tensor], done: threading.Event, to: Tallies) -> None:
    """Ask until the end, and hold each answer against the version it names."""
    count = 0
    with Connection(f"{url}/v1/models/{NAME}/predict") as client:
        while not done.is_set():
            answer = client.post(body, {})
            if answer.status != 200:
                to.wrong.append(f"{answer.status}: {answer.content[:200]!r}")
                continue
            content = json.loads(answer.content)
            truth = truths[content["version"] - 1]
            outputs = torch.tensor(content["outputs"])
            if torch.allclose(outputs, truth, rtol=1e-3, atol=1e-4):
                count += 1
            else:
                to.wrong.append(f"version {content['version']}: another model's numbers")
    to.right.append(count)


def reload(url: str, root: Path, newest: bool) -> None:
    """Load the older version, or the newer one again."""
    folder, away = root / NAME / "2", root / NAME / ".away"
    if newest:
        away.rename(folder)
    else:
        folder.rename(away)
    with Connection(f"{url}/v2/repository/models/{NAME}/load", LOAD_LIMIT_S) as admin:
        answer = admin.post(b"", {"authorization": f"Bearer {KEY}"})
    if answer.status != 200:
        raise SystemExit(f"the load failed: {answer.status} {answer.content!r}")


def run(root: Path, shape: Shape, clients: int, reloads: int) -> dict[str, object]:
    """Serve, ask and reload; the figures."""
    weights = publish(root, shape)
    x = torch.randn(1, shape.i, generator=torch.Generator().manual_seed(9))
    truths = [reference.infer(x, version).logits for version in weights]
    body, size = json.dumps({"inputs": x.tolist()}).encode(), weight_bytes(weights[0])
    done, tallies = threading.Event(), Tallies()
    with ServiceProcess({"FFF_ADMIN_KEY": KEY}, root, LOAD_LIMIT_S) as service:
        process = psutil.Process(service.pid)
        arguments = (service.url, body, truths, done, tallies)
        threads = [threading.Thread(target=ask, args=arguments) for _ in range(clients)]
        for thread in threads:
            thread.start()
        resident = [process.memory_info().rss]
        begun_s = time.perf_counter()
        for number in range(reloads):
            reload(service.url, root, newest=number % 2 == 1)
            resident.append(process.memory_info().rss)
        took_s = time.perf_counter() - begun_s
        time.sleep(SETTLE_S)
        resident.append(process.memory_info().rss)
        done.set()
        for thread in threads:
            thread.join()
    return {
        "weight_bytes": size,
        "reloads": reloads,
        "clients": clients,
        "seconds": round(took_s, 1),
        "answered": sum(tallies.right),
        "failed_or_wrong": len(tallies.wrong),
        "first_wrong": tallies.wrong[:3],
        "resident_before": resident[0],
        "resident_most_between_loads": max(resident),
        "resident_after": resident[-1],
        "growth_ratio": round(resident[-1] / resident[0] - 1, 4),
    }


def main() -> None:
    """Run on the command line; the last line is one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--reloads", type=int, default=300)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--depth", type=int, default=12, help="12: 805 MB of leaves")
    parser.add_argument("--folder", type=Path, help="where the store is made for a while")
    options = parser.parse_args()
    shape = Shape(768, 768, 32, options.depth)
    with tempfile.TemporaryDirectory(dir=options.folder) as root:
        print(json.dumps(run(Path(root), shape, options.clients, options.reloads)))


if __name__ == "__main__":
    main()
