"""
URLs of stores: `s3://bucket/prefix`, `hf://org/repo[@revision]/folder`, `file:///folder`.

Covered:      their form; credentials, which have no place in them and are shown in no message.
Not covered:  whether there is a store (`model_store.remote.store`).
"""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from model_store.errors import LocationInvalid

_FORMS = {
    "s3": (re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}(/[^/]+)*"), "s3://bucket/prefix"),
    "hf": (
        re.compile(r"((models|datasets|spaces|buckets)/)?[^/@]+/[^/]+(/[^/]+)*"),
        "hf://org/repo/folder",
    ),
    "file": (re.compile(r"(localhost)?/.*"), "file:///folder"),
}
SCHEMES = tuple(_FORMS)
_PORT = r"\d+(?:/|$)"
_USER = re.compile(
    rf"(?<=://)[^/\s@'\":]*:(?!{_PORT})[^\s'\"]*@"  # a password may hold @ and /
    r"|(?<=://)[^/\s'\"]*@"
    rf"|(?<![^\s'\"])[^/\s@'\":]+:(?!//|{_PORT})[^\s'\"]*@"  # the scheme was forgotten
)
_QUERY = re.compile(r"(?<=\w)(://[^\s?'\"<>]+)\?[^\s'\"<>]*")


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """
    A store's address; as text it is the URL.

    Attributes:
        scheme: One of `SCHEMES`.
        path: What follows `://`, without a slash at its end; without credentials.
    """

    scheme: str
    path: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.path}"


def is_url(text: str) -> bool:
    """Whether it is meant as a URL, known or not, and not as a path."""
    return "://" in text


def redacted(text: str) -> str:
    """A text without what URLs in it may carry: a user's name and password, a signed query."""
    return _QUERY.sub(r"\1", _USER.sub("", text))


def parse_url(text: str) -> StoreUrl:
    """
    Take a URL apart.

    Raises:
        LocationInvalid: Its scheme or its form is unknown, or it holds credentials.
    """
    scheme, _, path = text.partition("://")
    shown = redacted(text)
    if scheme not in _FORMS:
        known = ", ".join(f"{one}://" for one in SCHEMES)
        raise LocationInvalid(f"a store is a folder or a URL of {known}; got {shown!r}")
    if _USER.search(text) or "?" in path:
        raise LocationInvalid(
            f"{shown} came with credentials: they are taken from the environment, never from a URL"
        )
    form, example = _FORMS[scheme]
    path = path.rstrip("/") if scheme != "file" else path
    if not form.fullmatch(path) or {".", ".."} & {*path.split("/")}:
        raise LocationInvalid(f"a store's URL of {scheme} is {example}; got {shown!r}")
    return StoreUrl(scheme, path)


def local_folder(url: StoreUrl) -> Path:
    """The folder that a URL of `file` names."""
    return Path(unquote(url.path.removeprefix("localhost")))
