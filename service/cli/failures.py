"""
What goes wrong in a command, as its user meets it: one line on standard error and an exit code.

Covered:      misuse that typer finds; errors of ours; files and disks; too little memory; a reader
              of the output that has gone; Ctrl-C. Anything else is a bug: it keeps its traceback,
              and a last line asks for a report.
Not covered:  why `serve` ended (`service.cli.serve`); signals while `serve` is being imported
              (`service.cli.early_stop`).
"""

import errno
import os
import sys
import traceback
from collections.abc import Sequence

import typer

NAME = "fff-serve"
SUCCESS, FAILURE, MISUSE, INTERRUPTED = 0, 1, 2, 130  # 130: as shells have it for SIGINT


def run(app: typer.Typer, arguments: Sequence[str] | None = None) -> int:
    """
    Run a command line.

    Args:
        app: Its commands.
        arguments: Those of this process by default.

    Returns:
        The exit code. `serve` ends the process and does not return.
    """
    try:
        ended = app(arguments, prog_name=NAME, standalone_mode=False)
        _flush()
    except typer.TyperException as exc:
        return _fail(_misuse(exc), MISUSE)
    except typer.Abort:
        return _fail("stopped: the question was not answered", FAILURE)
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as exc:
        _drop_output()
        return FAILURE if exc.errno == errno.EPIPE else _fail(_os_error(exc), FAILURE)
    except Exception as exc:
        return _known(exc) or _bug()
    return ended if isinstance(ended, int) else SUCCESS


def _flush() -> None:
    """Write the output out here, where a full disk or a reader that has gone can still be told."""
    if sys.stdout is not None:  # where it was closed when the process began
        sys.stdout.flush()


def _known(exc: Exception) -> int | None:
    """Tell an error whose message is for the user; the imports wait until there is one."""
    from evaluation.errors import TrainingError
    from fff.errors import BackendUnavailable, DeviceUnavailable
    from model_store.errors import LocationInvalid, StoreError
    from service.settings import SettingsError
    from training.errors import RecipeError

    if isinstance(exc, (SettingsError, RecipeError, LocationInvalid)):
        return _fail(str(exc), MISUSE)
    if isinstance(exc, (StoreError, TrainingError, BackendUnavailable, DeviceUnavailable)):
        return _fail(str(exc), FAILURE)
    from service.engine.loading import lacks_memory

    if lacks_memory(exc):
        return _fail(f"there is not enough memory: {exc}", FAILURE)
    return None


def _bug() -> int:
    traceback.print_exc()
    return _fail("this is a bug in fff-serve: please report it with the lines above", FAILURE)


def _fail(text: str, code: int) -> int:
    typer.echo(f"{NAME}: {' '.join(text.split())}", err=True)
    return code


def _misuse(exc: typer.TyperException) -> str:
    """What typer says in several lines, in one, and where to read on."""
    context = getattr(exc, "ctx", None)
    of_no_parameter = isinstance(exc, typer.BadParameter) and exc.param is None
    text = exc.message if of_no_parameter else exc.format_message()
    text = text.replace("Value error, ", "")  # pydantic's, before what typer says
    came = _value(exc.__cause__)
    text = text.removesuffix(".") + (f", got {came}" if came not in text else "")
    text = text if text.endswith("?") else f"{text}."
    return f"{text} See {context.command_path} --help" if context else text


def _value(cause: BaseException | None) -> str:
    """What came, which pydantic keeps and typer's message leaves out."""
    found: list[dict[str, object]] = getattr(cause, "errors", list)()
    return repr(found[0]["input"]) if found else ""


def _os_error(exc: OSError) -> str:
    what = "input or output failed" if exc.filename is None else exc.filename
    return f"{what}: {exc.strerror or exc}"


def _drop_output() -> None:
    """Let what is still buffered go nowhere, or the interpreter fails once more as it ends."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # no file of the system's lies behind it
        return
