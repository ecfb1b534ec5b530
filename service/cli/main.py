"""
The `fff-serve` command: its parts put together.

Exit codes: 0 success, 2 misuse, 1 otherwise, 130 after Ctrl-C; for a user's mistake one line on
standard error and no traceback (`service.cli.failures`). `serve` ends with 0 after a stop signal,
however much it had to leave, and with 1 if it could not start or lost its device. Every command
imports what it needs when it runs, so that `--help` is quick.

`python -m service.cli.main` is the same command, where the script is not installed.
"""

# ruff: noqa: E402  (stop signals are handled before the imports, which take time)

import sys

from service.cli.early_stop import end_on_stop_signals

end_on_stop_signals(sys.argv[1:])

from collections.abc import Callable
from typing import Annotated, Any

import typer

from service.cli import evaluation as cli_evaluation
from service.cli import store as cli_store
from service.cli import training as cli_training
from service.cli.bench import BenchCommand, bench_command
from service.cli.explain_command import explain_command
from service.cli.failures import MISUSE, run
from service.cli.help_text import CONTEXT, HelpfulCommand, HelpfulGroup
from service.cli.import_command import import_command
from service.cli.predict_command import predict_command
from service.cli.removal import remove_command
from service.cli.report import ReportCommand, report_command
from service.cli.serve import ServeCommand, serve_command
from service.cli.version import print_version

EXIT_CODES = """\
Exit codes:
  0    success; for serve, a stop by a signal
  1    it failed: a file, a model, a disk, an address in use
  2    misuse: a command, option, setting or recipe that is unknown, or a value
       that does not fit
  130  stopped with Ctrl-C

fff-serve COMMAND --help has every option of a command, with examples."""

app = typer.Typer(
    cls=HelpfulGroup,
    context_settings=CONTEXT,
    rich_markup_mode=None,  # rich is slow to import and draws frames
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True, epilog=EXIT_CODES)
def _command_line(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Serve trained Fast Feedforward networks, with the dense baseline beside them."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(MISUSE)


def _add(
    name: str,
    command: Callable[..., None],
    *examples: str,
    cls: type[HelpfulCommand] = HelpfulCommand,
    **context: Any,
) -> None:
    """Add a command, with examples without `fff-serve` in front."""
    lines = "\n".join(f"  fff-serve {example}" for example in examples)
    epilog, settings = f"Examples:\n{lines}", CONTEXT | context
    app.command(name, cls=cls, epilog=epilog, context_settings=settings)(command)


_add(
    "serve",
    serve_command,
    "serve",
    "serve --store models --host 0.0.0.0 --port 8080 --grpc-port 8001",
    "serve --config fff.toml",
    cls=ServeCommand,
)
_add(
    "import",
    import_command,
    "import model.pt --name mnist \\\n      --uint8-scale 0.00784313725490196 --uint8-shift -1",
    "import model.safetensors --name mine --activation gelu --json",
)
_add("list", cli_store.list_command, "list", "list --store models --json")
_add("show", cli_store.show_command, "show digits", "show digits --version 1")
_add("verify", cli_store.verify_command, "verify", "verify digits --json")
_add("remove", remove_command, "remove mine", "remove mine --version 1 --yes")
_add(
    "predict",
    predict_command,
    "predict digits images.npy",
    "predict digits seven.png --json",
    "predict digits - --outputs class,leaf < rows.json",
)
_add("explain", explain_command, "explain digits seven.png", "explain digits rows.npy --json")
_add(
    "evaluate",
    cli_evaluation.evaluate_command,
    "evaluate digits --images IMAGES --labels LABELS",
    "evaluate mine --data photos --image-size 28 --grey --json",
)
_add(
    "train",
    cli_training.train_command,
    "train digits --name mine",
    "train ours --data FOLDER --name mine --set depth=5 --set epochs=50",
    "train table --data FILE.csv --target price --name prices",
    cls=cli_training.TrainCommand,
)
_add(
    "compare",
    cli_evaluation.compare_command,
    "compare digits",
    "compare digits --data photos --json",
)
_add(
    "report",
    report_command,
    "report --data FOLDER",
    "report --data FOLDER --grid frontier --seeds 3 --out frontier",
    cls=ReportCommand,
)
_add(
    "bench",
    bench_command,
    "bench --quick",
    "bench --threads 2 --picture speedup.svg",
    cls=BenchCommand,
    ignore_unknown_options=True,
    allow_extra_args=True,
)


def main() -> None:
    """Run the command line; the console script."""
    sys.exit(run(app))


if __name__ == "__main__":
    main()
