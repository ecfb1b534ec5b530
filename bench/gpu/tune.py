"""
Which launches are quickest: the choices of `fff.kernels.gpu.layer.Tuning`, one after another.

Each is tried with the best of those before it, on four layers and six batch sizes. One whose
logits or leaves differ by a bit from the default's is out, however quick.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from math import exp, log
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.gpu.ahead import Job
from bench.gpu.costs import ours_s
from bench.gpu.device import Device
from bench.gpu.journal import Fields
from bench.gpu.kernels import BATCHES, DTYPE, ELEMENT_BYTES, LAYERS
from bench.gpu.layers import compute, retuned
from bench.gpu.sides import Batches, Networks
from bench.gpu.steps import Step, attempt
from bench.gpu.target import Case
from bench.networks import Shape
from fff.kernels.gpu.graphs import MOST_ROWS
from fff.kernels.gpu.layer import PackedLayer
from fff.kernels.gpu.tuning import DEFAULT_TUNING, Tuning

FILE = "tuning.json"
SWEEP: tuple[tuple[str, tuple[Any, ...], tuple[int, ...]], ...] = (  # field, values, batch sizes
    ("route_warps", (1, 2, 8), BATCHES),
    ("route_block", (256, 512, 1024), BATCHES),
    ("block_bytes", (1 << 20, 2 << 20, 8 << 20, 16 << 20), BATCHES),
    ("leaf_stages", (2, 4, 6), (128, 512, 4096)),
    ("row_stages", (3, 4, 8), (1, 8, 32)),
    ("leaf_warps", (2, 8), BATCHES),
    ("ranked_rows", (8, 32), (32, 128, 512, 4096)),
    ("rank_step", (64, 256), (32, 128, 512, 4096)),
)
# Where a batch is launched otherwise from some size on, both ways are timed at every size.
NARROW: tuple[str, tuple[int, ...]] = ("narrow_rows", BATCHES)
UNSORTED: tuple[str, tuple[int, ...]] = ("unsorted_rows", (8, 32, 128))
NOISE = 0.01  # a smaller gain is none
_COMPILE_S = 35  # at most, ahead

Key = tuple[Shape, int]
"""A layer, and rows of a batch."""


@dataclass(slots=True)
class Bench:
    """
    What the sweep has found so far.

    Attributes:
        device: That is timed.
        file: Where the best choices are written, after each field.
        best: The choices that won.
        nets: By layer, as soon as it is drawn.
        us: Of the best choices so far, by layer and batch size.
        truth: The default's logits and leaves, likewise.
    """

    device: Device
    file: Path
    best: Tuning = DEFAULT_TUNING
    nets: dict[Shape, Networks] = field(default_factory=dict)
    us: dict[Key, float] = field(default_factory=dict)
    truth: dict[Key, tuple[Tensor, Tensor]] = field(default_factory=dict)
    drawn: dict[Key, Batches] = field(default_factory=dict)

    def batches(self, key: Key) -> Batches:
        """Batches of one size, kept: every choice meets the same rows."""
        if key not in self.drawn:
            self.drawn[key] = Batches(self.nets[key[0]], key[1])
        return self.drawn[key]

    def save(self) -> None:
        """Write the best choices so far."""
        self.file.write_text(json.dumps(asdict(self.best)) + "\n")

    def measure(self, fields: Fields, tuning: Tuning, keys: list[Key]) -> dict[Key, float]:
        """Microseconds of a batch, where its bits are the default's."""
        found, layers = {}, dict[Shape, PackedLayer]()
        for key in keys:
            shape, rows = key
            if shape not in layers:
                layers[shape] = retuned(self.nets[shape].layer, shape, tuning)
            run = partial(self._us, key, layers[shape])
            us = attempt(fields, f"{shape.i}x{shape.o} B{rows}", self.device, run)
            if us is not None:
                found[key] = us
        return found

    def _us(self, key: Key, layer: PackedLayer) -> float:
        batches, call_s = self.batches(key), ours_s(Case(*key, ELEMENT_BYTES))
        calls = [partial(compute, layer, batch) for batch in batches.memory]
        us = self.device.graph_times(calls, call_s).p50_us
        self._check_bits(key, calls[0], batches)
        return us

    def _check_bits(self, key: Key, call: Callable[[], object], batches: Batches) -> None:
        batch = batches.memory[0]
        batch.logits.fill_(torch.nan)
        call()
        if batch.logits.is_meta:
            return
        found = batch.logits.clone(), batch.leaf.clone()
        true = self.truth.setdefault(key, found)  # the default's come first
        if not all(torch.equal(a, b) for a, b in zip(found, true, strict=True)):
            raise BitsDiffer("other bits than by the default choices")


class BitsDiffer(RuntimeError):
    """A choice that changes a result."""


def steps(device: Device, out: Path) -> Iterator[Step]:
    """The default choices, each field in turn, and the choices that won, written to a file."""
    bench = Bench(device, out / FILE, read_tuning(out / FILE))  # there: after a restart
    yield Step("compile", partial(_compile, bench=bench))
    for shape in LAYERS:
        yield Step(f"default {shape.i}x{shape.o}", partial(_default, bench=bench, shape=shape))
    yield Step(NARROW[0], partial(_threshold, bench=bench, name=NARROW[0], sizes=NARROW[1]))
    for name, values, sizes in SWEEP:
        yield Step(name, partial(_sweep, bench=bench, name=name, values=values, sizes=sizes))
    yield Step(UNSORTED[0], partial(_threshold, bench=bench, name=UNSORTED[0], sizes=UNSORTED[1]))
    yield Step("tuning", partial(_summarize, bench=bench))


def read_tuning(path: Path | None) -> Tuning:
    """The choices in a file; the defaults, where there is none."""
    if path is None or not path.exists():
        return DEFAULT_TUNING
    return Tuning(**json.loads(path.read_text()))


def _compile(fields: Fields, bench: Bench) -> None:
    """The choices as they are tried: each with the defaults beside it, which mostly stay."""
    ways = [{NARROW[0]: rows} for rows in (0, MOST_ROWS)] + [{UNSORTED[0]: MOST_ROWS}]
    ways += [{name: value} for name, values, _ in SWEEP for value in values]
    tunings = [Tuning(), *(replace(Tuning(), **way) for way in ways)]
    jobs = [Job(shape, DTYPE, (1, 64, 128), tuning) for tuning in tunings for shape in LAYERS]
    fields |= bench.device.compile_ahead(jobs, _COMPILE_S)


def _default(fields: Fields, bench: Bench, shape: Shape) -> None:
    bench.nets[shape] = Networks(shape, bench.device.torch_device, DTYPE, DEFAULT_TUNING)
    found = bench.measure(fields, DEFAULT_TUNING, [(shape, rows) for rows in BATCHES])
    bench.us |= found
    fields["us"] = _by_name(found)


def _sweep(
    fields: Fields, bench: Bench, name: str, values: tuple[Any, ...], sizes: tuple[int, ...]
) -> None:
    """Try each value, and keep the one that is quickest over all cells together."""
    before = {key: us for key, us in bench.us.items() if key[1] in sizes}
    least, won = 1.0, (bench.best, before)
    for value in values:
        tuning = replace(bench.best, **{name: value})
        found = bench.measure(fields, tuning, list(before))
        ratio = _ratio(found, before)
        fields[f"{name}={value}"] = {"ratio": ratio, "us": _by_name(found)}
        if ratio is not None and ratio < min(least, 1 - NOISE):
            least, won = ratio, (tuning, found)
    bench.best = won[0]
    bench.us |= won[1]
    fields["best"] = getattr(bench.best, name)
    bench.save()


def _threshold(fields: Fields, bench: Bench, name: str, sizes: tuple[int, ...]) -> None:
    """Time both ways at every size, and launch one of them up to the best of these sizes."""
    keys, before = [key for key in bench.us if key[1] in sizes], getattr(bench.best, name)
    up_to = bench.measure(fields, replace(bench.best, **{name: MOST_ROWS}), keys)
    beyond = bench.measure(fields, replace(bench.best, **{name: 0}), keys)
    fields["us"] = {"up_to": _by_name(up_to), "beyond": _by_name(beyond)}
    if not keys or len(up_to) < len(keys) or len(beyond) < len(keys):
        return
    times = {
        threshold: {key: (up_to if key[1] <= threshold else beyond)[key] for key in keys}
        for threshold in (before, 0, *sizes)  # of equals the first one counts
    }
    ratios = {threshold: _ratio(found, times[before]) for threshold, found in times.items()}
    fields["ratios"] = ratios
    best = min(ratios, key=lambda threshold: ratios[threshold] or 1.0)
    if (ratios[best] or 1.0) > 1 - NOISE:
        best = before
    bench.best = replace(bench.best, **{name: best})
    bench.us |= times[best]
    fields["best"] = best
    bench.save()


def _summarize(fields: Fields, bench: Bench) -> None:
    fields |= {"tuning": asdict(bench.best), "us": _by_name(bench.us)}
    bench.save()


def _ratio(found: Mapping[Key, float], before: Mapping[Key, float]) -> float | None:
    """Geometric mean over the cells; None where one has no time."""
    if not found or set(found) < set(before):
        return None
    logs = [log(us / before[key]) for key, us in found.items()]
    return exp(sum(logs) / len(logs))


def _by_name(found: Mapping[Key, float]) -> dict[str, float]:
    return {
        f"{shape.i}x{shape.o} l{shape.l} d{shape.d} B{rows}": us
        for (shape, rows), us in found.items()
    }
