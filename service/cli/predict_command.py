"""`fff-serve predict`: what the service would answer for the rows of a file, without one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.input_options import (
    MOST_SHOWN,
    ArrayOption,
    DatatypeOption,
    FileArgument,
    InvertOption,
    OutputOption,
    and_more,
    read_input,
)
from service.cli.options import JsonOption, NameArgument, StoreOption, open_store
from service.cli.store import VersionOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.job import Answer

OutputsOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        help="Any of logits, probabilities, class, leaf, margin, with commas between.",
    ),
]
_TABLE = ("class", "probability", "leaf", "margin")


def predict_command(
    name: NameArgument,
    file: FileArgument = None,
    store: StoreOption = None,
    version: VersionOption = None,
    outputs: OutputsOption = None,
    datatype: DatatypeOption = None,
    array: ArrayOption = None,
    invert: InvertOption = False,
    output: OutputOption = None,
    as_json: JsonOption = False,
) -> None:
    """
    Compute the rows of a file on a model, without a service.

    The answers are those of the service. --json prints what POST /v1/models/NAME/predict answers,
    with the outputs that --outputs names beside it.
    """
    named = _names(outputs)
    opened = open_store(store)
    given = read_input(opened, name, version, file, datatype, array, invert)
    from service.cli.offline import predict

    content, answer = predict(opened, name, version, given.rows)
    wanted = named or given.outputs
    if output is not None:
        _write(output, _tensors(answer, wanted))
    if as_json:
        typer.echo(_json(content, answer, wanted))
    elif output is not None:
        typer.echo(
            f"{len(answer.logits):,} rows by {content['model']} version "
            f"{content['version']}, in {output}"
        )
    else:
        typer.echo(_table(answer, wanted))


def _names(outputs: str | None) -> tuple[str, ...] | None:
    from service.protocol.open_inference import OUTPUTS

    if outputs is None:
        return None
    names = tuple(name.strip() for name in outputs.split(","))
    if unknown := [name for name in names if name not in OUTPUTS]:
        raise typer.BadParameter(
            f"--outputs must be among {', '.join(OUTPUTS)}; got {', '.join(map(repr, unknown))}"
        )
    return tuple(dict.fromkeys(names))


def _tensors(answer: "Answer", names: "Sequence[str] | None") -> dict[str, Any]:
    """Outputs by their names in the protocol, all of them by default."""
    from service.protocol.open_inference import OUTPUTS

    return {name: OUTPUTS[name].of(answer) for name in names or OUTPUTS}


def _json(content: dict[str, Any], answer: "Answer", names: "Sequence[str] | None") -> str:
    import numpy as np
    import orjson

    # The plain form has logits as outputs, and leaf as leaves.
    more = [name for name in names or () if name not in ("logits", "leaf")]
    tensors = _tensors(answer, more).items() if more else ()
    content |= {key: np.ascontiguousarray(value) for key, value in tensors}
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def _write(file: Path, tensors: dict[str, Any]) -> None:
    import numpy as np

    from evaluation.errors import EvaluationError

    try:
        with file.open("wb") as opened:  # by its name, savez would add a suffix
            np.savez(opened, **tensors)
    except OSError as exc:
        raise EvaluationError(f"{file}: cannot be written: {exc.strerror}") from exc


def _table(answer: "Answer", names: "Sequence[str] | None") -> str:
    part = slice(MOST_SHOWN)
    head = answer._replace(
        logits=answer.logits[part], leaf=answer.leaf[part], margin=answer.margin[part]
    )
    columns = _columns(head, names)
    cells = [[title, *values] for title, values in columns.items() if any(values)]
    widths = [max(map(len, column)) for column in cells]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in zip(*cells, strict=True)
    ]
    return "\n".join([*lines, *filter(None, [and_more(len(answer.logits))])])


def _columns(head: "Answer", names: "Sequence[str] | None") -> dict[str, list[str]]:
    """Cells of each column; those of a dense network's leaves and margins are empty."""
    tensors = _tensors(head, None)
    tensors["probability"] = tensors["probabilities"].max(axis=1)
    shown = {name: [_cell(value) for value in tensors[name]] for name in names or _TABLE}
    return {"row": [str(row) for row in range(len(head.logits))]} | shown


def _cell(value: Any) -> str:
    """A number, or all of a row's."""
    if getattr(value, "ndim", 0):
        return " ".join(map(_cell, value))
    return f"{value:.4g}" if value.dtype.kind == "f" else str(value)
