"""
Where settings come from: a TOML file, the environment, flags.

Covered:      reading each; empty values; variables of Kubernetes; the name of a value's source.
Not covered:  which settings exist and what fits them (`service.settings`).
"""

import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

PREFIX = "FFF_"
_OF_KUBERNETES = re.compile(
    r"FFF_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
"""Names that Kubernetes makes for a Service whose own name begins with `fff`."""
_ADDRESS = re.compile(r"(tcp|udp|sctp)://\S+")
"""What it puts into `FFF_PORT`, of a Service `fff`, or `FFF_GRPC_PORT`, of a Service `fff-grpc`."""


class SourceError(ValueError):
    """A source that cannot be read; the message names it."""


class Given(NamedTuple):
    """A value, and the name by which whoever gave it knows it."""

    value: Any
    source: str


def from_environment(environ: Mapping[str, str]) -> dict[str, Given]:
    """Read every `FFF_*`, by the setting's name, except what Kubernetes made."""
    ignored = of_kubernetes(environ)
    return {
        name.removeprefix(PREFIX).lower(): Given(value, name)
        for name, value in environ.items()
        if name.startswith(PREFIX) and name not in ignored
    }


def of_kubernetes(environ: Mapping[str, str]) -> list[str]:
    """
    Name the variables that Kubernetes makes for Services, known by their form.

    Every container of a namespace gets them, so nobody has set them for us.
    """
    return [
        name
        for name, value in environ.items()
        if _OF_KUBERNETES.fullmatch(name)
        or (re.fullmatch(r"FFF_(\w+_)?PORT", name) and _ADDRESS.fullmatch(value))
    ]


def from_toml(path: Path) -> dict[str, Given]:
    """
    Read a file.

    Raises:
        SourceError: It cannot be read, or is not TOML.
    """
    try:
        # With or without the byte order mark that editors on Windows write.
        values = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as exc:
        raise SourceError(f"settings file {path}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise SourceError(f"settings file {path} is not TOML: expected UTF-8 text") from exc
    except tomllib.TOMLDecodeError as exc:
        raise SourceError(f"settings file {path} is not TOML: {exc}") from exc
    return {name: Given(value, f"{name} in {path}") for name, value in values.items()}


def from_flags(flags: Mapping[str, Any]) -> dict[str, Given]:
    """Take what was given on the command line; None was not."""
    return {
        name: Given(value, f"--{name.replace('_', '-')}")
        for name, value in flags.items()
        if value is not None
    }


def merged(
    sources: Collection[Mapping[str, Given]], skip_empty: Collection[str]
) -> dict[str, Given]:
    """
    Merge sources; the later wins.

    Args:
        sources: From the weakest to the strongest.
        skip_empty: Settings of which an empty value counts as not given: compose files and shell
            scripts pass on what nobody has set.
    """
    return {
        name: given
        for source in sources
        for name, given in source.items()
        if given.value != "" or name not in skip_empty
    }
