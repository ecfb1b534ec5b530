"""
How many files this process may have open, and so how many connections.

Covered:      the limit of the process (`ulimit -n`), raised as far as it may be.
Not covered:  that of the whole system.
"""

import resource

from service.settings import Settings, SettingsError

KEPT = 128
"""For everything else: models, logs, the shadow, probes. An idle service has 40."""
KEPT_SHARE = 16
"""A sixteenth more, for gRPC's connections, which are not counted here."""
DEFAULT_MOST = 10_000
"""Where more files may be open: containers often allow a million, and memory does not."""


def raise_file_limit() -> int:
    """Raise the limit of open files to what may be had; returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard or hard == resource.RLIM_INFINITY:  # macOS says so, and allows less
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def most_connections(settings: Settings, files: int) -> int:
    """
    Decide how many connections the main port may have.

    Args:
        settings: Say how many are wanted, if they do.
        files: That may be open.

    Raises:
        SettingsError: More than fit.
    """
    wanted, room = settings.max_connections, files - KEPT - files // KEPT_SHARE
    if wanted is None:
        return max(1, min(room, DEFAULT_MOST))
    if wanted > room:
        raise SettingsError(
            f"{settings.named('max_connections')}: must be at most {max(room, 0)} where "
            f"{files} files may be open (ulimit -n), got {wanted}"
        )
    return wanted
