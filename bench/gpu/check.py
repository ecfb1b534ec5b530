"""
Whether the device computes what the reference does: the first thing to know on a new one.

Leaves must be the reference's, computed on the CPU, for every row; logits at most twice as far
from float64 as plain torch's in the leaves' type; a row's bits the same in every batch and at
every place in it. Before each batch one of NaN leaves no old result behind.

Covered:      16- and 32-bit leaves, master leaf, depth 0 to 15, widths that nothing divides, rows
              on a boundary, rows that share a leaf, ties, replays, waits, captures beside traffic.
Not covered:  memory errors and races (`bench.gpu.sanitizer`), the backend's own tests
              (`bench.gpu.device_tests`).
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import torch
from torch import Tensor

from bench.gpu.journal import Fields
from bench.gpu.steps import Step
from bench.networks import Shape, random_dense, random_tree
from fff import reference
from fff.kernels.gpu.backend import TritonGrouped
from fff.kernels.gpu.layer import LEAF_DTYPES
from fff.kernels.gpu.tuning import Tuning
from fff.weights import FFFWeights
from networks.backends import build_backend

EXACT_ROWS = 64  # whose logits are held against float64: the reference computes row by row
REPLAYS, REPLAYED_ROWS = 1000, 184
_NEAR, _ALIKE = 24, slice(200, 1200)  # rows on a boundary; rows of one leaf


@dataclass(frozen=True, slots=True)
class Case:
    """
    A layer, and batches of it.

    Attributes:
        shape: Widths and depth.
        master: Hidden neurons of the master leaf; 0 for none.
        sizes: Of the batches, ascending.
    """

    shape: Shape
    master: int = 0
    sizes: tuple[int, ...] = (0, 1, 3, 16, 17, 64, 65, 184, 4096, 5000)

    @property
    def name(self) -> str:
        s = self.shape
        return f"{s.i}->{s.o} l{s.l} d{s.d}" + (f" m{self.master}" if self.master else "")


CASES = (
    Case(Shape(784, 10, 16, 4)),
    Case(Shape(123, 11, 5, 3), 7),
    Case(Shape(768, 768, 16, 8)),
    Case(Shape(768, 768, 64, 2), 32),
    Case(Shape(1024, 1024, 1, 11)),
    Case(Shape(4096, 4096, 32, 5)),
    Case(Shape(50, 20, 150, 0), 4),
    Case(Shape(64, 16, 2, 12)),
    Case(Shape(32, 8, 2, 15)),
)
_FEW = (0, 1, 3, 16, 17, 33)
SMALL_CASES = (  # for Triton's interpreter, which takes 10 ms a row
    Case(Shape(23, 11, 5, 3), 7, _FEW),
    Case(Shape(20, 12, 3, 0), 0, _FEW),
    Case(Shape(16, 4, 1, 7), 0, _FEW),
)
DTYPES = ("bfloat16", "float32", "float16")


def steps(device: torch.device, tuning: Tuning, cases: tuple[Case, ...] = CASES) -> Iterator[Step]:
    """One for each layer and type; behind the first layer those that are about graphs."""
    graphs = {"replays": _replays, "waits": _waits, "captures": _captures}
    for number, case in enumerate(cases):
        for dtype in DTYPES:
            run = partial(_check, case=case, dtype=dtype, device=device, tuning=tuning)
            yield Step(f"{case.name} {dtype}", run)
        if number == 0 and device.type == "cuda":
            for name, check in graphs.items():
                yield Step(name, partial(check, device=device, tuning=tuning))
    yield Step("ties", partial(_ties, device=device, tuning=tuning))


def seconds_of(step: str) -> float:
    """What a step takes on a GPU, by a rehearsal's clock: guessed, on the slow side."""
    return 2.0 if "->" in step else 1.0


@lru_cache(maxsize=1)  # the types of a case follow each other
def _network(case: Case) -> tuple[FFFWeights, Tensor, Tensor, Tensor]:
    """Weights, rows, and the leaf and margin that the reference finds."""
    generator = torch.Generator().manual_seed(case.shape.i + case.shape.d)
    w = random_tree(case.shape, generator)
    if case.master:
        master = random_dense(case.shape, case.master, generator)
        w = replace(w, master=master, master_logit=torch.tensor(0.3))
    x = _rows(w, case.sizes[-1], generator)
    return w, x, *reference.route(x, w)


def _rows(w: FFFWeights, count: int, generator: torch.Generator) -> Tensor:
    x = torch.randn(count, w.input_width, generator=generator)  # [n, i]
    if w.depth:
        normal, near = w.node_weight[0], x[:_NEAR]
        near -= (near @ normal)[:, None] * normal / normal.square().sum()
        near[1::3] = torch.nextafter(near[1::3], torch.tensor(torch.inf))
        near[2::3] = torch.nextafter(near[2::3], torch.tensor(-torch.inf))
    alike = x[_ALIKE]
    alike.mul_(1e-3).add_(x[-1])
    return x


def _check(fields: Fields, case: Case, dtype: str, device: torch.device, tuning: Tuning) -> None:
    w, x, leaf, margin = _network(case)
    net = TritonGrouped(w, device, dtype, tuning=tuning)
    alone = net.infer(x[:0]).logits.new_empty(len(x), w.output_width)
    for k, row in enumerate(x):
        alone[k] = net.infer(row[None]).logits[0]
    fields["rechecked_rows"] = net.rechecked_rows  # of these rows: later ones are NaN, too
    wrong: dict[int, list[str]] = {}
    for n in case.sizes:
        found = _batch_faults(net, x[:n], leaf[:n], margin[:n], alone[:n])
        if found:
            wrong[n] = found
    off, plain_off = _errors(alone, x, leaf, w, LEAF_DTYPES[dtype])
    exact = off <= 2 * plain_off + 1e-6 * float(alone.abs().max())  # NaN is not exact
    fields |= {"wrong": wrong, "off": off, "plain_off": plain_off, "ok": not wrong and exact}


def _batch_faults(
    net: TritonGrouped, x: Tensor, leaf: Tensor, margin: Tensor, alone: Tensor
) -> list[str]:
    """What is wrong with a batch: nothing, if it is as it should be."""
    n = len(x)
    bucket = net.graphs.bucket_of(min(n, net.graphs.buckets[-1]))
    net.infer(torch.full((bucket, x.shape[1]), torch.nan))
    found = net.infer(x)
    turned = net.infer(x.flip(0)).logits.flip(0)
    if len(found.logits) != n:
        return [f"{len(found.logits)} rows"]
    faults = {
        "leaves": (found.leaf[:, 0] != leaf),
        "not finite": ~found.logits.isfinite().all(1),
        "other bits than alone": (found.logits != alone).any(1),
        "other bits elsewhere in the batch": (found.logits != turned).any(1),
        "margins": ~torch.isclose(found.margin[:, 0].double(), margin, rtol=1e-4, atol=1e-6),
    }
    return [f"{name}: {int(rows.sum())} rows" for name, rows in faults.items() if rows.any()]


def _errors(
    logits: Tensor, x: Tensor, leaf: Tensor, w: FFFWeights, dtype: torch.dtype
) -> tuple[float, float]:
    """Largest error of these logits and of plain torch's, against float64."""
    some = slice(0, EXACT_ROWS)
    truth, plain = (reference.leaves(x[some].to(t), leaf[some], w) for t in (torch.float64, dtype))
    worst = [float((y.double() - truth).abs().max()) for y in (logits[some], plain)]
    return worst[0], worst[1]


def _ties(fields: Fields, device: torch.device, tuning: Tuning) -> None:
    """Scores of exactly 0 all go right by `ge` and left by `gt`."""
    w = random_tree(Shape(6, 3, 2, 2), torch.Generator().manual_seed(0))
    w.node_weight.zero_()
    x = torch.randn(17, 6)
    for tie in ("ge", "gt"):
        net = TritonGrouped(replace(w, tie=tie), device, tuning=tuning)
        fields[tie] = sorted({int(j) for n in (2, 17) for j in net.infer(x[:n]).leaf})
    fields["ok"] = (fields["ge"], fields["gt"]) == ([3], [0])


def _replays(fields: Fields, device: torch.device, tuning: Tuning) -> None:
    """One batch many times: every answer the first one."""
    w, x, *_ = _network(CASES[0])
    net = TritonGrouped(w, device, "bfloat16", tuning=tuning)
    x = x[:REPLAYED_ROWS]
    first = net.infer(x)
    answers = (net.infer(x) for _ in range(REPLAYS))
    others = sum(
        not (torch.equal(a.logits, first.logits) and torch.equal(a.leaf, first.leaf))
        for a in answers
    )
    fields |= {"replays": REPLAYS, "other": others, "ok": not others}


def _waits(fields: Fields, device: torch.device, tuning: Tuning) -> None:
    """Enqueue batches where torch raises on every wait for the device."""
    w, x, *_ = _network(CASES[0])
    net = TritonGrouped(w, device, "bfloat16", tuning=tuning)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for n in (1, 64, 4096):
            net.graphs.start(net.graphs.load(x[:n]))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.cuda.synchronize()
    fields["ok"] = True


def _captures(fields: Fields, device: torch.device, tuning: Tuning) -> None:
    """Two networks load at once while a third computes."""
    w, x, *_ = _network(CASES[0])
    served = TritonGrouped(w, device, "bfloat16", tuning=tuning)
    failures, x = list[str](), x[:REPLAYED_ROWS]
    true = served.infer(x)
    load_one = partial(build_backend, w, device, leaf_dtype="bfloat16")  # as a service does
    loads = [threading.Thread(target=_caught, args=(load_one, failures)) for _ in range(2)]
    for load in loads:
        load.start()
    batches = others = 0
    while any(load.is_alive() for load in loads):
        others += not torch.equal(served.infer(x).logits, true.logits)
        batches += 1
    fields |= {"batches": batches, "other": others, "failures": failures}
    fields["ok"] = not failures and not others


def _caught(call: Callable[[], object], failures: list[str]) -> None:
    try:
        call()
    except Exception as exc:  # of another thread: it must not end in silence
        failures.append(f"{type(exc).__name__}: {exc}"[:300])
