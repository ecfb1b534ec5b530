"""
`pip install` that says how far it is.

pip alone is silent or writes hundreds of lines; this writes one every few seconds, or keeps one up
to date where somebody sits at a terminal. What pip complains about goes out as it is.

Covered:      packages looked up, downloads with their size, unpacking.
Not covered:  how much of a download has come: pip tells a pipe nothing of it.
"""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
STEP_S = 5.0
"""Between two lines in a log."""
TERMINAL_STEP_S = 0.5
"""Between two looks at the line of a terminal."""


class Progress:
    """
    What pip is doing, from the lines that it writes.

    Args:
        terminal: Keep one line up to date, rather than write one after the other.
    """

    def __init__(self, terminal: bool):
        self._terminal = terminal
        self._began_s = time.monotonic()
        self._packages: set[str] = set()
        self._now = "starting pip"
        self._written = ""

    def read(self, line: str) -> None:
        """Take a line of pip's."""
        if found := re.match(r"(?:Collecting|Requirement already satisfied:) ([\w.-]+)", line):
            self._packages.add(found[1])
            self._now = f"package {len(self._packages)}, {found[1]}"
        elif found := re.match(r"\s*Downloading ([\w.]+)-\S+ (\(.*\))", line):
            self._now = f"package {len(self._packages)}, downloading {found[1]} {found[2]}"
        elif found := re.match(r"Installing collected packages: (.*)", line):
            self._now = f"unpacking {len(found[1].split(','))} packages"

    def show(self) -> None:
        """Write how far it is."""
        text = f"  {time.monotonic() - self._began_s:3.0f} s: {self._now}"
        self._written = text
        print(f"\r{text}\033[K" if self._terminal else text, end=self._end, flush=True)

    def close(self) -> None:
        """Leave the terminal an empty line."""
        if self._terminal and self._written:
            print("\r\033[K", end="", flush=True)

    @property
    def _end(self) -> str:
        return "" if self._terminal else "\n"


def run_pip(arguments: Iterable[str]) -> int:
    """Run `pip install`, say how far it is, and return its exit code."""
    command = [*PIP, "install", *arguments]
    pip = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    terminal = sys.stdout.isatty()
    progress = Progress(terminal)
    reader = threading.Thread(target=lambda: [*map(progress.read, _lines(pip))])
    reader.start()
    while reader.is_alive():
        reader.join(TERMINAL_STEP_S if terminal else STEP_S)
        if reader.is_alive():
            progress.show()
    progress.close()
    return pip.wait()


def _lines(pip: "subprocess.Popen[str]") -> Iterator[str]:
    assert pip.stdout is not None
    with pip.stdout:
        yield from pip.stdout
