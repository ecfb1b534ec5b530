"""
The file system of each scheme, with bounds on how long it may be waited for.

Credentials are taken by these libraries from their usual places: AWS_* variables, profiles and
roles; HF_TOKEN or a login. So is another address: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or
FSSPEC_S3_ENDPOINT_URL; HF_ENDPOINT.
"""

from collections.abc import Callable

from fsspec import AbstractFileSystem

CONNECT_S, READ_S = 5, 15
ATTEMPTS = 3
"""Of one question; with the bounds above, a server that hangs is given up after a minute."""


def for_scheme(scheme: str) -> Callable[[], AbstractFileSystem]:
    """
    How the file system for the next question is got.

    Raises:
        ModuleNotFoundError: Its package is not installed.
    """
    if scheme == "hf":
        import huggingface_hub  # noqa: F401  (to be missed now, not at the first question)

        return _hub
    opened = _s3()
    return lambda: opened


def _s3() -> AbstractFileSystem:
    import s3fs

    opened = s3fs.S3FileSystem(
        config_kwargs={
            "connect_timeout": CONNECT_S,
            "read_timeout": READ_S,
            "retries": {"total_max_attempts": 1},  # s3fs tries again itself
        },
        use_listings_cache=False,  # what is in a store is always asked
        skip_instance_cache=True,
    )
    opened.retries = ATTEMPTS
    return opened


def _hub() -> AbstractFileSystem:
    """A new one a question: it remembers what it has seen, and belongs to one thread."""
    from huggingface_hub import HfFileSystem, get_session

    get_session().timeout = READ_S  # else some of its calls wait for ever
    return HfFileSystem(skip_instance_cache=True)
