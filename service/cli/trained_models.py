"""What the kinds of `fff-serve train` share: whom they train beside an FFF, and what they print."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from model_store.store import Checkpoint, Store


def entry_of(store: "Store", checkpoint: "Checkpoint") -> dict[str, Any]:
    """What `--json` says of a model that has just been trained."""
    manifest = checkpoint.manifest
    return {
        "name": checkpoint.name,
        "version": checkpoint.version,
        "kind": manifest.kind,
        "sha256": manifest.sha256,
        "baseline": manifest.baseline,
        "folder": str(store.folder(checkpoint.name, checkpoint.version)),
        "new": checkpoint.is_new,
        "metrics": manifest.origin.metrics,  # type: ignore[union-attr]  # just trained
    }


def baseline_names(wanted: list[str] | None, family: str, known: Iterable[str]) -> list[str]:
    """Names, in order; the dense twin of an FFF unless others are wanted."""
    if wanted is None:
        return ["dense"] if family == "fff" else []
    if wanted == ["none"]:
        return []
    return [*known] if wanted == ["all"] else list(dict.fromkeys(wanted))


def print_spread(
    entries: list[dict[str, Any]], seeds: int, metric: str, label: str, percent: bool
) -> None:
    """Mean and sample standard deviation over the seeds, a line for the FFF and each baseline."""
    from statistics import mean, stdev

    of_each, factor, unit = len(entries) // seeds, 100 if percent else 1, " %" if percent else ""
    for first in range(of_each):
        each = entries[first::of_each]
        values = [factor * entry["metrics"][metric] for entry in each]
        typer.echo(
            f"{each[0]['name']} to {each[-1]['name']}: {label} "
            f"{mean(values):.2f}{unit} ± {stdev(values):.2f}, {seeds} seeds"
        )
