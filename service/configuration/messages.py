"""
What is told of a setting: its name, where it was given, what is wrong with it.

Covered:      a value with an @ is not shown: before it, a URL may hold a password.
Not covered:  which settings are secret as a whole (`service.settings`).
"""

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
    value = str(error["input"])
    if name in secret:
        got = ""
    elif "@" in value:
        text, got = text.replace(value, "..."), "; what came is not shown, it may hold a password"
    else:
        got = f", got {error['input']!r}"
    return f"{named(name, given)}: {text}{got}"
