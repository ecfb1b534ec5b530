"""
From what a user names to a store: a folder, or a URL.

`s3://bucket/prefix` and `hf://org/repo/folder` are remote (`model_store.remote`), `file:///folder`
is a folder that is only read. What remote stores need is imported for them alone.
"""

from collections.abc import Callable
from pathlib import Path

from fff.extras import needs_extra
from model_store.default_store import default_store, writable_default_store
from model_store.errors import LocationInvalid
from model_store.read_only import ReadOnlyStore
from model_store.remote.url import StoreUrl, is_url, local_folder, parse_url
from model_store.store import Store

_BRINGS = {"s3": "s3fs", "hf": "huggingface_hub"}
"""The package that each scheme needs; all are in the extra `remote`."""


def open_store(location: str | Path | None, tell: Callable[[str], object]) -> Store:
    """
    Open a store to read from; nothing is asked of a remote one yet.

    Args:
        location: A folder or a URL; None is the user's own store.
        tell: Gets one line if that cannot be made, and the package's is read in its place.

    Raises:
        LocationInvalid: A URL of another scheme or form, or one whose packages are not installed.
    """
    return Store(default_store(tell)) if location is None else named_store(location)


def open_writable_store(location: str | Path | None) -> Store:
    """
    Open a store to publish into or to remove from.

    Raises:
        LocationInvalid: As `open_store`.
        StoreMissing: There is no folder at the path.
        StoreNotWritable: It is one that is only read; or the user's own cannot be made.
    """
    if location is None:
        return Store(writable_default_store())
    store = named_store(location)
    if isinstance(store, ReadOnlyStore):
        store.refuse()
    return Store.at(store.root)


def named_store(location: str | Path) -> Store:
    """The store of a folder or a URL; raises as `open_store`."""
    if not is_url(str(location)):
        return Store(Path(location))
    url = parse_url(str(location))
    return ReadOnlyStore(local_folder(url)) if url.scheme == "file" else _remote(url)


def _remote(url: StoreUrl) -> Store:
    try:
        from model_store.remote.store import RemoteStore

        return RemoteStore(url)
    except ModuleNotFoundError as exc:
        raise LocationInvalid(missing_package(url, str(exc.name))) from exc


def missing_package(url: StoreUrl, missing: str) -> str:
    """
    Say what to install for a URL.

    Args:
        url: Of the store.
        missing: The module that could not be imported.
    """
    return needs_extra(f"the store {url} ({_BRINGS.get(url.scheme, missing)})", "remote")
