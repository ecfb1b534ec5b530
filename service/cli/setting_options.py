"""
The options of `serve`: one for each setting of `service.settings`, made from it, so none is missed.

Values go on as text, as variables do, and `service.settings` says what is wrong with one.

Not covered:  secrets, which are no options because `ps` shows these to everyone; the help lists
              their variables.
"""

import inspect
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from typer.main import get_command

from service.configuration.descriptions import attributes, first_sentence
from service.configuration.sources import PREFIX
from service.settings import SECRETS, Settings

SECTIONS = {
    "Network": "host",
    "TLS": "ssl_certfile",
    "Models": "store",
    "Compute": "device",
    "Limits": "max_connections",
    "Leaf statistics and shadow": "leaf_series_limit",
    "Stopping": "drain_delay_s",
    "Administration": "admin_key",
    "Logs and traces": "log_level",
    "Proxies and browsers": "root_path",
}
"""Headings of the help, each with its first setting; it goes on to the first of the next one."""
_UNITS = {"_port": "PORT", "_bytes": "BYTES", "_rows": "ROWS", "_s": "SECONDS", "_ratio": "RATIO"}
_KINDS: dict[type, str] = {int: "NUMBER", float: "NUMBER", Path: "PATH", tuple: "LIST"}


def variable(name: str) -> str:
    """A setting's name in the environment."""
    return PREFIX + name.upper()


def flag(name: str) -> str | None:
    """A setting's option, or None for a secret."""
    return None if name in SECRETS else f"--{name.replace('_', '-')}"


def default_text(name: str) -> str:
    """A setting's default as it would be typed; `none` where there is nothing to type."""
    value = Settings.model_fields[name].default
    if value in (None, "", ()):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if name.endswith("_bytes"):
        return f"{value} ({value >> 20} MiB)"
    return f"{value:g}" if isinstance(value, float) else str(value)


def values_text(name: str) -> str:
    """What a setting takes: its choices, its unit, or its kind. Nothing for a switch."""
    annotation = Settings.model_fields[name].annotation
    if annotation is bool:
        return ""
    if get_origin(annotation) is Literal:
        return "|".join(get_args(annotation))
    for ending, unit in _UNITS.items():
        if f"_{name}".endswith(ending):
            return unit
    kinds = {get_origin(part) or part for part in (annotation, *get_args(annotation))}
    if {Path, str} <= kinds:
        return "PATH|URL"
    return next((text for kind, text in _KINDS.items() if kind in kinds), "TEXT")


def sections() -> dict[str, list[str]]:
    """Every setting's name, by heading."""
    firsts = {first: title for title, first in SECTIONS.items()}
    found: dict[str, list[str]] = {}
    title = ""
    for name in Settings.model_fields:
        title = firsts.get(name, title)
        found.setdefault(title, []).append(name)
    return found


def secret_rows() -> dict[str, list[tuple[str, str]]]:
    """The secrets' rows in the help, by heading: the variable, and why there is no option."""
    described = attributes(Settings)
    return {
        title: [
            (f"{variable(name)} (no option)", f"{described.get(name, '')}  [default: none]")
            for name in names
            if name in SECRETS
        ]
        for title, names in sections().items()
    }


@cache
def setting_options() -> list[Any]:
    """Make click's options, one for each setting that is no secret; None means not given."""

    def settings(**_: Any) -> None:
        """Carry the signature, from which typer makes options."""

    described = attributes(Settings)
    parameters = [
        _parameter(name, title, described.get(name, ""))
        for title, names in sections().items()
        for name in names
        if name not in SECRETS
    ]
    settings.__annotations__ = {each.name: each.annotation for each in parameters}
    settings.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    app = typer.Typer(add_completion=False)
    app.command()(settings)
    return [*get_command(app).params]


def _parameter(name: str, section: str, description: str) -> inspect.Parameter:
    annotation = Settings.model_fields[name].annotation
    choices = [*get_args(annotation)] if get_origin(annotation) is Literal else []
    option = typer.Option(
        f"--{name.replace('_', '-')}" + (f"/--no-{name.replace('_', '-')}" * (annotation is bool)),
        metavar=values_text(name) or None,
        help=f"{first_sentence(description)}  "
        f"[env var: {variable(name)}; default: {default_text(name)}]",
        show_default=False,
        rich_help_panel=section,
        autocompletion=lambda: choices,
    )
    kind = bool if annotation is bool else str
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, option],
    )
