"""
The `fff-serve` command: its parts put together, and what an error becomes.

Exit codes: 0 success, 2 misuse, 1 otherwise; for a user's mistake one line on standard error
and no traceback. `serve` ends with 0 after a stop signal, however much it had to leave, and with 1
if it could not start or lost its device. Every command imports what it needs when it runs, so that
`--help` is quick.

`python -m service.cli.main` is the same command, where the script is not installed.
"""

# ruff: noqa: E402  (stop signals are handled before the imports, which take time)

import sys

from service.cli.early_stop import end_on_stop_signals

end_on_stop_signals(sys.argv[1:])

import os
from pathlib import Path
from typing import Annotated

import typer

from service.cli import store as cli_store
from service.cli import training as cli_training
from service.cli.import_command import import_command
from service.cli.options import PATH, ServedStoreOption, path_or_none

HostOption = Annotated[str | None, typer.Option(help="Address to listen on.")]
PortOption = Annotated[int | None, typer.Option(help="TCP port.")]
GrpcPortOption = Annotated[int | None, typer.Option(help="TCP port of gRPC; off without.")]
RootPathOption = Annotated[str | None, typer.Option(help="Path prefix of a reverse proxy.")]
OpsPortOption = Annotated[int | None, typer.Option(help="TCP port of probes and metrics alone.")]
UdsOption = Annotated[
    Path | None,
    typer.Option(parser=path_or_none, metavar=PATH, help="Unix socket to listen on, not the port."),
]
CertificateOption = Annotated[
    Path | None,
    typer.Option(parser=path_or_none, metavar=PATH, help="Certificate (PEM): serve HTTPS."),
]
KeyOption = Annotated[
    Path | None,
    typer.Option(parser=path_or_none, metavar=PATH, help="Private key of the certificate (PEM)."),
]
ConnectionsOption = Annotated[int | None, typer.Option(help="Most clients connected at a time.")]
DeviceOption = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.")]
BackendOption = Annotated[str | None, typer.Option(help="auto, numba, torch or triton.")]
LeafDtypeOption = Annotated[str | None, typer.Option(help="float32 or bfloat16.")]
BatchRowsOption = Annotated[int | None, typer.Option(help="Most rows computed at once.")]
QueueRowsOption = Annotated[int | None, typer.Option(help="Most rows that may wait.")]
ShadowRatioOption = Annotated[
    float | None, typer.Option(help="Share of live batches the dense twin computes too.")
]
ConfigOption = Annotated[Path | None, typer.Option(help="TOML file of settings.")]


def serve_command(
    host: HostOption = None,
    port: PortOption = None,
    grpc_port: GrpcPortOption = None,
    root_path: RootPathOption = None,
    ops_port: OpsPortOption = None,
    uds: UdsOption = None,
    ssl_certfile: CertificateOption = None,
    ssl_keyfile: KeyOption = None,
    max_connections: ConnectionsOption = None,
    store: ServedStoreOption = None,
    device: DeviceOption = None,
    backend: BackendOption = None,
    leaf_dtype: LeafDtypeOption = None,
    max_batch_rows: BatchRowsOption = None,
    max_queue_rows: QueueRowsOption = None,
    shadow_ratio: ShadowRatioOption = None,
    config: ConfigOption = None,
) -> None:
    """
    Serve every model of a store over HTTP.

    Settings come from the --config file, FFF_* variables and these options; later wins.
    """
    from service.engine.failures import for_operator
    from service.server import serve
    from service.settings import load_settings

    network = {"host": host, "port": port, "grpc_port": grpc_port, "ops_port": ops_port, "uds": uds}
    outside = {"root_path": root_path, "ssl_certfile": ssl_certfile, "ssl_keyfile": ssl_keyfile}
    compute = {"device": device, "backend": backend, "leaf_dtype": leaf_dtype}
    rows = {"max_batch_rows": max_batch_rows, "max_queue_rows": max_queue_rows}
    limits = {"max_connections": max_connections, "shadow_ratio": shadow_ratio}
    flags = {**network, **outside, **compute, **rows, **limits, "store": store}
    failure = serve(load_settings(flags, config))
    if failure is not None:
        typer.echo(f"fff-serve: {for_operator(failure)}", err=True)
    sys.stdout.flush()
    # Everything has been closed. As it ends, the interpreter waits for its threads, of which one
    # may hang in a batch or on a disk; and to free what lies on a lost device may hang, or abort
    # with another code.
    os._exit(0 if failure is None else 1)


app = typer.Typer(
    help="Serve trained Fast Feedforward networks, with the dense baseline beside them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("serve")(serve_command)
app.command("import")(import_command)
app.command("list")(cli_store.list_command)
app.command("show")(cli_store.show_command)
app.command("verify")(cli_store.verify_command)
app.command("evaluate")(cli_training.evaluate_command)
app.command("train")(cli_training.train_command)
app.command("compare")(cli_training.compare_command)
app.command(
    "bench",
    # Options, --help too, are those of bench.kernels.
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    add_help_option=False,
)(cli_training.bench_command)


def main() -> None:
    """Run the command line; the console script."""
    from evaluation.errors import TrainingError
    from model_store.errors import LocationInvalid, StoreError
    from service.settings import SettingsError
    from training.errors import RecipeError

    try:
        app()
    except (SettingsError, RecipeError, LocationInvalid) as exc:
        _fail(exc, 2)
    except (StoreError, TrainingError) as exc:
        _fail(exc, 1)


def _fail(exc: Exception, code: int) -> None:
    typer.echo(f"fff-serve: {exc}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
