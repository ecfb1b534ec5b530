"""
What is done to a value of any source, and forms of settings that are more than a word or number.

Each form is a type for a pydantic model. A value that does not fit raises a ValueError that says
what would; pydantic adds the setting's name.
"""

import re
from ipaddress import ip_network
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BeforeValidator, SecretStr


def tidy(value: Any, annotation: Any) -> Any:
    """
    Take the blanks around a text away.

    Args:
        value: Of any source.
        annotation: The setting's type.

    Raises:
        ValueError: There is nothing but blanks; or a bool where none is meant, which pydantic
            would take for 0 or 1.
    """
    if isinstance(value, bool) and bool not in (annotation, *get_args(annotation)):
        raise ValueError("Input should not be a boolean")
    if not isinstance(value, str):
        return value
    if value and not value.strip():
        raise ValueError("Input should not be blank")
    return value.strip()


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
