"""
`python -m bench.vision.load NAME --images IDX`: is what is served under load what is computed
offline?

A service is loaded over the Open Inference Protocol by its real client, images as bytes, a few in
each request, so that batches form as they come. Every answer is then held against the network
offline, each image alone: dense parts round by the shape of a batch, and may turn a decision of a
layer behind them. Such images are counted, with the margin that they had; with `--strict` there
are to be none. The last line of standard output is one JSON object.
"""

import argparse
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
import tritonclient.http
from tritonclient.utils import InferenceServerException

from evaluation.evaluate import scaling_of
from evaluation.idx_files import load_idx_images
from fff.inference_result import InferenceResult
from loadtest.harness.command import end_with, exit_code
from loadtest.harness.errors import LoadTestError
from loadtest.harness.exposition import read_counts
from loadtest.harness.options import add_connections, between, command_parser
from loadtest.harness.service_api import get
from loadtest.harness.service_process import ServiceProcess
from model_store.errors import StoreError
from model_store.store import Checkpoint, Store
from networks.backends import build_backend
from networks.reference import NEAR_TIE, first_turned, turned

NAME = "bench.vision.load"
TOLERANCE = 1e-3  # of a logit, in units of the largest


@dataclass(frozen=True, slots=True)
class Agreement:
    """
    What came over HTTP beside what was computed offline.

    Attributes:
        images: How many, of `requests` requests.
        images_per_s: Of all connections together.
        rows_per_batch: Images of a batch, in the mean.
        largest_difference: Between two logits of an image that took the same leaves.
        decisions: Leaves that were taken: tokens times layers.
        other_leaves: Of these, others than offline, those behind a turned one too.
        turned_images: Images with another leaf.
        near_ties: Of these, those whose first ones were within `networks.reference.NEAR_TIE`.
        largest_turned_margin: Of the leaves that were turned first; 0 without any.
        other_classes: Images with another class.
    """

    images: int
    requests: int
    images_per_s: float
    rows_per_batch: float | None
    largest_difference: float
    decisions: int
    other_leaves: int
    turned_images: int
    near_ties: int
    largest_turned_margin: float
    other_classes: int


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code: 1 where an answer is off beyond rounding."""
    options = parse(arguments)
    expected = (LoadTestError, StoreError, InferenceServerException, OSError, ValueError)
    return exit_code(NAME, lambda: _run(options), *expected)


def _run(options: argparse.Namespace) -> int:
    checkpoint = Store(options.store).load(options.model)
    images = load_idx_images(options.images)[: options.count]
    found = compare(options, checkpoint, images)
    off = found.largest_difference > TOLERANCE or found.turned_images > found.near_ties
    print(
        f"{found.images} images in {found.requests} requests, {found.rows_per_batch:.1f} in a "
        f"batch, {found.images_per_s:.0f} a second: logits differ by up to "
        f"{found.largest_difference:.1e}; {found.turned_images} images took another leaf "
        f"somewhere ({found.other_leaves} of {found.decisions:,}), {found.near_ties} of them by a "
        f"near tie (margins up to {found.largest_turned_margin:.1e}, near is {NEAR_TIE:g}); "
        f"{found.other_classes} of another class"
    )
    facts = {"strict": options.strict, "connections": options.connections, "model": options.model}
    print(json.dumps(facts | asdict(found)))
    return 1 if off or (options.strict and found.turned_images) else 0


def compare(options: argparse.Namespace, checkpoint: Checkpoint, images: np.ndarray) -> Agreement:
    """
    Load a service with images, `[n, pixels]` uint8, and compare its answers with the network's.

    Raises:
        LoadTestError: A service that does not start, answer or stop.
    """
    settings = {"FFF_STRICT": "true" if options.strict else "false", "FFF_DEVICE": "cpu"}
    sizes = np.random.default_rng(0).integers(1, options.most + 1, len(images))
    requests = np.split(images, np.cumsum(sizes)[np.cumsum(sizes) < len(images)])
    with ServiceProcess(settings, options.store) as service:
        start_s = perf_counter()
        answers = _ask(service.url, checkpoint, requests, options.connections)
        taken_s = perf_counter() - start_s
        counts = read_counts(get(f"{service.url}/metrics").decode(), checkpoint.name)
    served = InferenceResult(*(torch.cat(parts) for parts in zip(*answers, strict=True)))
    x = torch.from_numpy(scaling_of(checkpoint).decode(images))
    alone = build_backend(checkpoint.weights, torch.device("cpu"), strict=True).infer(x)
    return _agreement(served, alone, len(requests), len(images) / taken_s, counts.rows_per_batch)


def _ask(
    url: str, checkpoint: Checkpoint, requests: Sequence[np.ndarray], connections: int
) -> list[tuple[torch.Tensor, ...]]:
    shape = checkpoint.manifest.example_shape
    names = ("logits", "leaf", "margin")
    outputs = [tritonclient.http.InferRequestedOutput(name, binary_data=True) for name in names]
    address = url.removeprefix("http://")
    with (
        tritonclient.http.InferenceServerClient(address, concurrency=connections) as client,
        ThreadPoolExecutor(connections) as executor,
    ):

        def ask(pixels: np.ndarray) -> tuple[torch.Tensor, ...]:
            tensor = tritonclient.http.InferInput("input", [len(pixels), *shape], "UINT8")
            tensor.set_data_from_numpy(pixels.reshape(-1, *shape))
            answer = client.async_infer(checkpoint.name, [tensor], outputs=outputs).get_result()
            return tuple(torch.from_numpy(answer.as_numpy(name).copy()) for name in names)

        return list(executor.map(ask, requests))


def _agreement(
    served: InferenceResult,
    alone: InferenceResult,
    requests: int,
    images_per_s: float,
    rows_per_batch: float | None,
) -> Agreement:
    other, near = turned(alone, served)
    leaves = served.leaf != alone.leaf
    size = alone.logits.abs().max()
    differences = ((served.logits - alone.logits).abs() / size)[~other]
    classes = served.logits.argmax(1) != alone.logits.argmax(1)
    margins = alone.margin[first_turned(alone, served)]
    return Agreement(
        images=len(served),
        requests=requests,
        images_per_s=images_per_s,
        rows_per_batch=rows_per_batch,
        largest_difference=float(differences.max()) if len(differences) else 0.0,
        decisions=leaves.numel(),
        other_leaves=int(leaves.sum()),
        turned_images=int(other.sum()),
        near_ties=int((other & near).sum()),
        largest_turned_margin=float(margins.max()) if len(margins) else 0.0,
        other_classes=int(classes.sum()),
    )


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = command_parser(NAME, "Load a vision transformer; hold answers against it offline.")
    add_connections(parser, 16)
    add = parser.add_argument
    add("model", metavar="NAME", help="a network of blocks that takes images")
    add("--store", type=Path, required=True, help="folder that holds it")
    add("--images", type=Path, required=True, help="IDX file, such as MNIST's test images")
    add("--count", type=between(1, 10_000), default=2_000, help="images sent")
    add("--most", type=between(1, 20), default=8, help="most images of a request")
    add("--strict", action="store_true", help="serve with --strict: no leaf may differ")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    end_with(main)
