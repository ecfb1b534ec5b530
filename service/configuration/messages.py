"""What is told of a setting that does not fit: its name, where it was given, what is wrong."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from service.configuration.sources import Given


def named(name: str, given: Mapping[str, Given]) -> str:
    """Name a setting and, in brackets, its source."""
    return f"setting {name} ({given[name].source})" if name in given else f"setting {name}"


def explain(
    error: Mapping[str, Any],
    given: Mapping[str, Given],
    known: Collection[str],
    secret: Collection[str],
) -> str:
    """
    Say what is wrong.

    Args:
        error: Of pydantic; where it is about several settings, its message names them.
        given: Every value with its source.
        known: All settings.
        secret: Those whose values are shown in no message.
    """
    text = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        blamed = [named(name, given) for name in given if re.search(rf"\b{name}\b", text)]
        return f"{' and '.join(blamed)}: {text}"
    name = str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        return f"{named(name, given)} is unknown; known: {', '.join(known)}"
    got = "" if name in secret else f", got {error['input']!r}"
    return f"{named(name, given)}: {text}{got}"
