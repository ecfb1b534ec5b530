"""`fff-serve --version`: what is installed, read from the packages' metadata, which is quick."""

import platform

import typer


def version_line() -> str:
    """Name and version, and the versions of what computes; nothing of it is imported."""
    from importlib.metadata import PackageNotFoundError, version

    def installed(package: str) -> str:
        try:
            return version(package)
        except PackageNotFoundError:  # run from a checkout
            return "not installed"

    python = f"Python {platform.python_version()}"
    return f"fff-serve {installed('fff-serve')} ({python}, torch {installed('torch')})"


def print_version(asked: bool) -> None:
    """Print the line and end, if it was asked for."""
    if asked:
        typer.echo(version_line())
        raise typer.Exit()
