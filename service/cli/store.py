"""
`fff-serve list, show, verify`: what is in the store.

`list` and `show` read manifests alone, so that they are quick, and name what is damaged beside what
is not; `verify` reads everything.
"""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from service.cli.options import JsonOption, NameArgument, StoreOption, open_store

if TYPE_CHECKING:
    from model_store.store import Store

VersionOption = Annotated[int | None, typer.Option("--version", help="Default: the newest.")]
Entry = dict[str, Any]
_LISTED = {
    *("kind", "input_width", "output_width", "baseline", "targets", "classes"),
    "input_shape",  # of a network of blocks
}


def list_command(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """List the store's models, newest version each; weights are not read, see verify."""
    opened = open_store(store)
    entries = [entry for name in opened.models() if (entry := _entry(opened, name))]
    if as_json:
        typer.echo(json.dumps({"models": entries}))
        return
    model, baseline = (Column(name, no_wrap=True) for name in ("model", "baseline"))  # typed again
    others = ("versions", "kind", "predicts", "shape", "bytes")
    table = Table(model, *others, baseline, box=None, padding=(0, 1, 0, 0))
    for entry in entries:
        if not entry["problem"]:
            table.add_row(
                str(entry["name"]),
                ", ".join(map(str, entry["versions"])),
                str(entry["kind"]),
                str(entry["predicts"]),
                f"{_input(entry)} -> {entry['output_width']}",
                f"{entry['file_bytes']:,}",
                str(entry["baseline"] or ""),
            )
    Console().print(table)
    for entry in entries:
        if entry["problem"]:
            typer.echo(f"damaged: {entry['problem']}")


def _entry(store: "Store", name: str) -> Entry | None:
    """A model as it is listed; None if it has been removed meanwhile."""
    from model_store.errors import ModelNotFound, StoreError

    entry: Entry = {"name": name, "versions": [], "problem": ""}
    try:
        versions = store.versions(name)
        entry["versions"] = versions
        manifest, size = store.manifest(name), store.file_bytes(name, versions[-1])
    except ModelNotFound:
        return None
    except StoreError as exc:
        return entry | {"problem": str(exc)}
    kept = manifest.model_dump(include=_LISTED)
    facts = {"task": manifest.task, "predicts": manifest.predicts, "file_bytes": size}
    return entry | kept | facts


def _input(entry: Entry) -> str:
    """Of a row its width, of an image its sides."""
    return " x ".join(map(str, entry.get("input_shape") or [entry["input_width"]]))


def show_command(
    name: NameArgument, store: StoreOption = None, version: VersionOption = None
) -> None:
    """
    Print a model's task and its manifest, but for its learning curve.

    Of a network of blocks the parts too, a line each: name, type, shapes, weights.
    """
    manifest = open_store(store).manifest(name, version)
    facts = manifest.model_dump(mode="json", exclude={"origin": {"curve"}})
    shown = {"task": manifest.task} | facts
    if manifest.kind == "network":
        typer.echo(_network(name, shown, manifest.blocks, manifest.input_shape))
    else:
        typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))


def _network(name: str, shown: Entry, blocks: list[Entry], input_shape: list[int]) -> str:
    """JSON with its blocks, and what they come to, a line each."""
    from fff.shapes import ShapeError
    from model_store.errors import ManifestInvalid
    from networks.block import BlockError
    from networks.description import blocks_in_place

    try:
        found = blocks_in_place(blocks, input_shape)
    except (BlockError, ShapeError) as exc:
        raise ManifestInvalid(f"model {name!r}: {exc}") from exc
    parts = [
        f"{part.name}: {part.type}, {list(part.given)} -> {list(part.made)}, "
        f"{part.weights:,} weights"
        for part in found
    ]
    lines = [
        f"  {json.dumps(key)}: {_value(value, key)}"
        for key, value in (shown | {"parts": parts}).items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}"


def _value(value: Any, key: str) -> str:
    """A list with an item a line, anything else in one line."""
    if key not in ("blocks", "parts", "reference_leaf_rows") or value is None:
        return json.dumps(value, ensure_ascii=False)
    items = ",\n".join(f"    {json.dumps(item, ensure_ascii=False)}" for item in value)
    return f"[\n{items}\n  ]"


def verify_command(
    name: Annotated[str | None, typer.Argument(help="Default: every model.")] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every version: manifest, hash, shapes, finite weights. Exits 1 if one has a fault."""
    opened = open_store(store)
    found: list[Entry] = []
    for model in [name] if name else opened.models():
        for entry in _checked(opened, model):
            found.append(entry)
            if not as_json:
                typer.echo(_line(entry))
    if as_json:
        typer.echo(json.dumps({"versions": found}))
    if any(entry["problem"] for entry in found):
        raise typer.Exit(1)


def _checked(store: "Store", model: str) -> list[Entry]:
    from model_store.errors import ModelNotFound, StoreError

    try:
        return [_checked_version(store, model, version) for version in store.versions(model)]
    except ModelNotFound:
        raise
    except StoreError as exc:
        return [{"name": model, "version": None, "sha256": None, "problem": str(exc)}]


def _checked_version(store: "Store", model: str, version: int) -> Entry:
    from model_store.errors import StoreError, refusal

    entry: Entry = {"name": model, "version": version, "sha256": None, "problem": ""}
    try:
        return entry | {"sha256": store.load(model, version).manifest.sha256}
    except StoreError as exc:
        return entry | {"problem": str(exc)}
    except OSError as exc:  # of the disk
        why = refusal(exc, "read it")
        return entry | {"problem": f"model {model!r} version {version}: {why}"}


def _line(entry: Entry) -> str:
    if entry["problem"]:
        return f"damaged: {entry['problem']}"
    return f"{entry['name']} version {entry['version']}: ok, SHA-256 {entry['sha256']}"
