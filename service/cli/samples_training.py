"""`fff-serve train` of fields, tables and vision transformers: what they have in common."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
import typer

from service.cli.options import open_writable_store, stored
from service.cli.progress import bars
from service.cli.trained_models import entry_of, print_spread

if TYPE_CHECKING:
    from evaluation.dataset import Dataset
    from evaluation.samples import Samples
    from model_store.store import Checkpoint, Store
    from training.side_by_side import Progress

Part = TypeVar("Part", "Samples", "Dataset")
Load = Callable[[], tuple[Part, Part]]
"""Reads the training and the test part, which are the same for every seed."""
Train = Callable[[Part, Part, "Store", str, int, "Progress"], "list[Checkpoint]"]
"""Both parts, the store, the model's name, a seed, and what is told of progress."""


def train_on_samples(
    name: str,
    store: str | None,
    seed: int,
    seeds: int,
    baselines: list[str],
    as_json: bool,
    load: Load[Part],
    train: Train[Part],
) -> None:
    """Train for each seed, publish and print; the rest as `train` has it."""
    from training.models import check_names, names_of

    models = [name] if seeds == 1 else [f"{name}-{seed + number}" for number in range(seeds)]
    check_names(each for model in models for each in names_of(model, baselines))
    opened = open_writable_store(store)
    trained: list[Checkpoint] = []
    parts = load()
    for number, model in enumerate(models, seed):
        with _bars(names_of(model, baselines)) as progress:
            trained += train(*parts, opened, model, number, progress)
    entries = [entry_of(opened, each) for each in trained]
    if as_json:
        typer.echo(orjson.dumps({"models": entries}).decode())
        return
    for checkpoint, entry in zip(trained, entries, strict=True):
        typer.echo(f"{entry['name']} version {entry['version']}: {_figures(entry['metrics'])}")
        typer.echo(stored(opened, checkpoint))
    if seeds > 1 and "test_rmse" in entries[0]["metrics"]:
        print_spread(entries, seeds, "test_rmse", "test RMSE", percent=False)
    elif seeds > 1:
        print_spread(entries, seeds, "test_hard_accuracy", "test accuracy", percent=True)


def _figures(metrics: dict[str, Any]) -> str:
    if "test_rmse" in metrics:
        return f"test RMSE {metrics['test_rmse']:.4g}, R² {metrics['test_r2']:.4f}"
    accuracy, nll = metrics["test_hard_accuracy"], metrics["test_nll"]
    return f"test accuracy {accuracy:.2%}, negative log-likelihood {nll:.4f}"


@contextmanager
def _bars(models: list[str]) -> "Iterator[Progress]":
    """One bar a model; what is yielded moves them on."""
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    with bars(*columns) as progress:
        tasks = {model: progress.add_task(model, total=None) for model in models}
        yield lambda model, done, total: progress.update(tasks[model], completed=done, total=total)
