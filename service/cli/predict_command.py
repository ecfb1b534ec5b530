"""`fff-serve predict`: what the service would answer for the rows of a file, without one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.input_options import (
    ArrayOption,
    DatatypeOption,
    FileArgument,
    InvertOption,
    OutputOption,
    read_input,
)
from service.cli.options import JsonOption, NameArgument, StoreOption, open_store
from service.cli.store import VersionOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_store.manifest import Manifest
    from service.job import Answer

OutputsOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        help="Any of logits, probabilities, class, leaf, margin, with commas between; a regression "
        "has no classes, its logits are its values.",
    ),
]


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
    with the outputs that --outputs names beside it, and what a regression's outputs are.
    """
    opened = open_store(store)
    manifest = opened.manifest(name, version)
    named = _names(outputs, manifest)
    given = read_input(opened, name, version, file, datatype, array, invert)
    from service.cli.offline import predict

    content, answer = predict(opened, name, version, given.rows)
    wanted = named or given.outputs
    if output is not None:
        _write(output, _tensors(answer, wanted, manifest))
    if as_json:
        typer.echo(_json(content, answer, wanted, manifest))
    elif output is not None:
        typer.echo(
            f"{len(answer.logits):,} rows by {content['model']} version "
            f"{content['version']}, in {output}"
        )
    else:
        from service.cli.prediction_table import prediction_table

        typer.echo(prediction_table(answer, wanted, manifest))


def _names(outputs: str | None, manifest: "Manifest") -> tuple[str, ...] | None:
    from service.errors import InvalidInput
    from service.protocol.outputs import check_offered

    if outputs is None:
        return None
    names = tuple(dict.fromkeys(name.strip() for name in outputs.split(",")))
    try:
        check_offered(names, manifest)
    except InvalidInput as exc:
        raise typer.BadParameter(f"--{exc}") from exc
    return names


def _tensors(
    answer: "Answer", names: "Sequence[str] | None", manifest: "Manifest"
) -> dict[str, Any]:
    """Outputs by their names in the protocol, all that the model offers by default."""
    from service.protocol.outputs import offered_outputs

    offered = offered_outputs(manifest)
    return {name: offered[name].of(answer) for name in names or offered}


def _json(
    content: dict[str, Any],
    answer: "Answer",
    names: "Sequence[str] | None",
    manifest: "Manifest",
) -> str:
    import numpy as np
    import orjson

    from service.protocol.outputs import shown_target

    # The plain form has logits as outputs, and leaf as leaves.
    more = [name for name in names or () if name not in ("logits", "leaf")]
    tensors = _tensors(answer, more, manifest) if more else {}
    content |= {key: np.ascontiguousarray(value) for key, value in tensors.items()}
    if "class" in tensors and manifest.classes is not None:
        content["class_names"] = [manifest.classes[number] for number in tensors["class"]]
    if manifest.targets is not None:
        content["targets"] = [shown_target(target) for target in manifest.targets]
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def _write(file: Path, tensors: dict[str, Any]) -> None:
    import numpy as np

    from evaluation.errors import EvaluationError

    try:
        with file.open("wb") as opened:  # by its name, savez would add a suffix
            np.savez(opened, **tensors)
    except OSError as exc:
        raise EvaluationError(f"{file}: cannot be written: {exc.strerror}") from exc
