"""
Forms of settings that are more than a number or a word, and what is wrong with others.

Each is a type for a pydantic model. A value that does not fit raises a ValueError, whose message
says what would; pydantic adds the setting's name.
"""

import re
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, SecretStr


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",")) if value else ()


def _path_prefix(value: str) -> str:
    path = value.rstrip("/")
    if not re.fullmatch(r"(/(?!\.\.?(/|$))[\w.~@:+-]+)*", path, re.ASCII):
        raise ValueError("Input should be a path such as /fff, of letters, digits and ._~@:+-")
    return path


def _addresses(value: tuple[str, ...]) -> tuple[str, ...]:
    try:
        for address in value:
            ip_network("0.0.0.0" if address == "*" else address)
    except ValueError as exc:
        raise ValueError(f"Input should be IP addresses, networks or *; {exc}") from exc
    return value


def _origins(value: tuple[str, ...]) -> tuple[str, ...]:
    if not all(re.fullmatch(r"\*|[a-z][a-z0-9+.-]*://[^/\s*]+", origin) for origin in value):
        raise ValueError("Input should be origins such as https://app.example.org, or *")
    return value


def _header_text(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[^\x00-\x1f\x7f]+", value.get_secret_value()):
        raise ValueError("Input should be one line of text, because a header carries it")
    return value


def _url(value: str) -> str:
    if not re.fullmatch(r"(https?://\S+)?", value):
        raise ValueError("Input should be a URL such as http://localhost:4318")
    return value


Strings = Annotated[tuple[str, ...], BeforeValidator(_split)]
PathPrefix = Annotated[str, AfterValidator(_path_prefix)]
"""`/fff`, without the slash at its end; or nothing."""
Addresses = Annotated[Strings, AfterValidator(_addresses)]
Origins = Annotated[Strings, AfterValidator(_origins)]
HeaderSecret = Annotated[SecretStr, AfterValidator(_header_text)]
HttpUrl = Annotated[str, AfterValidator(_url)]
"""Or nothing."""
