"""
Where a user's files go: the folders of the XDG specification, whose relative ones are ignored.

https://specifications.freedesktop.org/basedir-spec
"""

import os
from pathlib import Path


def user_folder(variable: str, default: str) -> Path:
    """
    A folder of this user's; nothing is made.

    Args:
        variable: That may name it, such as XDG_DATA_HOME.
        default: Below the home folder.

    Raises:
        RuntimeError: The user has no home folder, or it is a relative path.
    """
    named = os.environ.get(variable, "")
    if os.path.isabs(named):
        return Path(named)
    home = Path.home()
    if not home.is_absolute():
        raise RuntimeError("HOME is a relative path")
    return home / default
