"""
From what a user names to a store: a folder, or a URL.

`s3://bucket/prefix` and `hf://org/repo/folder` are remote (`model_store.remote`), `file:///folder`
is a folder that is only read. What remote stores need is imported for them alone.
"""

from pathlib import Path

from model_store.errors import LocationInvalid
from model_store.read_only import ReadOnlyStore
from model_store.remote.url import StoreUrl, is_url, local_folder, parse_url
from model_store.store import DEMO_STORE, Store

_BRINGS = {"s3": "s3fs", "hf": "huggingface_hub"}
"""The package that each scheme needs; all are in the extra `remote`."""


def open_store(location: str | Path | None) -> Store:
    """
    Open a store; nothing is asked of a remote one yet.

    Args:
        location: A folder or a URL; None is the default store.

    Raises:
        LocationInvalid: A URL of another scheme or form, or one whose packages are not installed.
    """
    if location is None:
        return default_store()
    if not is_url(str(location)):
        return Store(Path(location))
    url = parse_url(str(location))
    return ReadOnlyStore(local_folder(url)) if url.scheme == "file" else _remote(url)


def default_store() -> Store:
    """The store where none is named."""
    return Store(DEMO_STORE)


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
    return f"{url} needs {_BRINGS.get(url.scheme, missing)}: pip install 'fff-serve[remote]'"
