"""The outside of a command that starts servers: its exit code, and its end by a signal."""

import signal
import sys
from collections.abc import Callable
from typing import NoReturn


def exit_code(name: str, run: Callable[[], int], *expected: type[Exception]) -> int:
    """
    Run a command; what was to be expected is one line on standard error, without a traceback.

    Args:
        name: Of the command; begins that line.
        run: Does the work and returns the exit code.
        expected: Errors whose message is for the user.

    Returns:
        What `run` returns; 1 after an expected error or Ctrl-C.
    """
    try:
        return run()
    except expected as exc:
        print(f"{name}: {exc}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"{name}: stopped", file=sys.stderr)
    return 1


def end_with(main: Callable[[], int]) -> NoReturn:
    """Run this process's command; SIGTERM is like Ctrl-C, so that what it started ends with it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
