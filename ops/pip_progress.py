"""
`pip install` that says how far it is.

pip alone is silent or writes hundreds of lines; this writes one every few seconds, or keeps one up
to date where somebody sits at a terminal. Errors go out as they are.

Covered:      packages looked up, downloads with their size, unpacking; pip's warnings, such as that
              it tries again, as what it is doing.
Not covered:  how much of a download has come: pip tells a pipe nothing of it.
"""

import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import IO

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
        self.now = "starting pip"

    def read(self, line: str) -> None:
        """Take a line of pip's output."""
        if found := re.match(r"(?:Collecting|Requirement already satisfied:) ([\w.-]+)", line):
            self._packages.add(found[1])
            self.now = f"package {len(self._packages)}, {found[1]}"
        elif found := re.match(r"\s*Downloading ([\w.]+)-\S+ (\(.*\))", line):
            self.now = f"package {len(self._packages)}, downloading {found[1]} {found[2]}"
        elif found := re.match(r"Installing collected packages: (.*)", line):
            self.now = f"unpacking {len(found[1].split(','))} packages"

    def read_complaint(self, line: str) -> None:
        """Take a line of pip's standard error."""
        if line.startswith("WARNING: Retrying"):
            self.now = line.strip()
        elif not line.startswith("WARNING: "):
            self.clear()
            print(line, end="", file=sys.stderr, flush=True)

    def show(self) -> None:
        """Write how far it is."""
        text = f"  {time.monotonic() - self._began_s:3.0f} s: {self.now}"
        if self._terminal:
            self.clear()
            print(text[: shutil.get_terminal_size().columns - 1], end="", flush=True)
        else:
            print(text, flush=True)

    def clear(self) -> None:
        """Leave the terminal an empty line."""
        if self._terminal:
            print("\r\033[K", end="", flush=True)


def run_pip(arguments: Iterable[str]) -> int:
    """Run `pip install`, say how far it is, and return its exit code."""
    command = [*PIP, "install", *arguments]
    pip = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert pip.stdout is not None
    assert pip.stderr is not None
    terminal = sys.stdout.isatty()
    progress = Progress(terminal)
    reader = _reading(pip.stdout, progress.read)
    complaints = _reading(pip.stderr, progress.read_complaint)
    while reader.is_alive():
        reader.join(TERMINAL_STEP_S if terminal else STEP_S)
        if reader.is_alive():
            progress.show()
    complaints.join()
    progress.clear()
    return pip.wait()


def _reading(lines: IO[str], read: Callable[[str], None]) -> threading.Thread:
    def to_the_end() -> None:
        with lines:
            for line in lines:
                read(line)

    thread = threading.Thread(target=to_the_end)
    thread.start()
    return thread
