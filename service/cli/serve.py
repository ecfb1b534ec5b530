"""`fff-serve serve`: the service, configured by file, environment and one option a setting."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.help_text import HelpfulCommand, Rows

ConfigOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="TOML file of settings, such as port = 8080.")
]


class ServeCommand(HelpfulCommand):
    """`serve`, whose settings are read when it is run or explained: pydantic takes 0.1 s."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Name the settings as well as the function's own options."""
        from service.cli.setting_options import setting_options

        return [*setting_options(), *super().get_params(ctx)]

    def sections(self, context: Any) -> dict[str, Rows]:
        """Name the secrets too, which are no options."""
        from service.cli.setting_options import SECTIONS, secret_rows

        found, secrets = super().sections(context), secret_rows()
        titles = dict.fromkeys([*SECTIONS, *found])
        return {t: [*found.get(t, []), *secrets.get(t, [])] for t in titles}

    def invoke(self, ctx: Any) -> None:
        """Hand all options on; typer's own way knows those of the function alone."""
        run(**ctx.params)


def serve_command(config: ConfigOption = None) -> None:
    """
    Serve every model of a store over HTTP and, where they are set, gRPC and an operations port.

    Settings come from the --config file, FFF_* variables and these options; later wins. One that
    is unknown or does not fit ends the start with exit code 2 and its name. A list takes commas.
    """
    run(config)


def run(config: Path | None = None, **flags: Any) -> None:
    """
    Serve, then end the process.

    Raises:
        SettingsError: A setting is unknown or does not fit.
    """
    from service.engine.failures import for_operator
    from service.server import serve
    from service.settings import load_settings

    failure = serve(load_settings(flags, config))
    if failure is not None:
        typer.echo(f"fff-serve: {for_operator(failure)}", err=True)
    sys.stdout.flush()
    # Everything has been closed. As it ends, the interpreter waits for its threads, of which one
    # may hang in a batch or on a disk; and to free what lies on a lost device may hang, or abort
    # with another code.
    os._exit(0 if failure is None else 1)
