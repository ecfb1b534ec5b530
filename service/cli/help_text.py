"""
Help as plain text: sections, each command's examples as they are typed, no frames, no colours.

80 columns at most, so that it reads the same on a terminal, in a pipe and in a document.

Not covered:  what the sections of one command hold beyond its options (`service.cli.serve`,
              `service.cli.training`).
"""

from collections.abc import Iterable
from typing import Any

from typer.core import TyperCommand, TyperGroup

from service.configuration.descriptions import first_sentence

Rows = list[tuple[str, str]]
"""What is explained, and the explanation."""
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 80}


class HelpfulCommand(TyperCommand):
    """A command whose options are grouped, and whose examples are printed as they stand."""

    def sections(self, context: Any) -> dict[str, Rows]:
        """What comes between the description and the examples, by heading."""
        return parameter_sections(self.get_params(context), context)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Name the arguments as they are named below; in brackets where they may be left out."""
        return ["[OPTIONS]", *(_usage(p) for p in self.params if p.param_type_name == "argument")]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the sections; `ctx` and `formatter` are click's, which typer brings along."""
        _write(self.sections(ctx), formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples, line by line."""
        _write_lines(self.epilog, formatter)


class HelpfulGroup(TyperGroup):
    """The commands, with the first sentence of each."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands first: they are what is looked for."""
        commands = {name: self.commands[name] for name in self.list_commands(ctx)}
        rows = [
            (name, first_sentence(" ".join((command.help or "").split())))
            for name, command in commands.items()
            if not command.hidden
        ]
        _write({"Commands": rows} | parameter_sections(self.get_params(ctx), ctx), formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the exit codes, line by line."""
        _write_lines(self.epilog, formatter)


def parameter_sections(parameters: Iterable[Any], context: Any) -> dict[str, Rows]:
    """Arguments, then options by their panels; those without one come last, under `Options`."""
    found: dict[str, Rows] = {"Arguments": []}
    rest: Rows = []
    for parameter in parameters:
        record = parameter.get_help_record(context)
        if record is None:
            continue
        if parameter.param_type_name == "argument":
            found["Arguments"].append((_name(parameter), record[1]))
        elif panel := getattr(parameter, "rich_help_panel", None):
            found.setdefault(panel, []).append(record)
        else:
            rest.append(record)
    return found | {"Options": rest}


def _name(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _usage(argument: Any) -> str:
    return _name(argument) if argument.required else f"[{_name(argument)}]"


def _write(sections: dict[str, Rows], formatter: Any) -> None:
    for title, rows in sections.items():
        if rows:
            with formatter.section(title):
                formatter.write_dl([(name, text.replace("`", "")) for name, text in rows])


def _write_lines(text: str | None, formatter: Any) -> None:
    if text:
        formatter.write_paragraph()
        formatter.write(f"{text}\n")
