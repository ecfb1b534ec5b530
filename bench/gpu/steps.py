"""
The steps of a part, each of which may fail alone.

A step that fails, at a kernel that does not compile or at memory that does not suffice, costs
itself: its line says why. Only a broken CUDA context ends a part, and then a new process goes on
where it stood: what has a line is not done again.
"""

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bench.gpu.device import Device
from bench.gpu.journal import Fields, Journal

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Step:
    """
    One measurement.

    Attributes:
        name: Unique within its part.
        run: Measures; fills what it is given as it goes, so that a failure loses nothing.
    """

    name: str
    run: Callable[[Fields], None]


def run_steps(
    steps: Iterable[Step],
    journal: Journal,
    device: Device,
    ends_s: float,
    skips_one: bool = False,
) -> bool:
    """
    Run what has no line yet.

    Args:
        steps: In order of value.
        journal: Of their part.
        device: Whose clock counts.
        ends_s: On that clock; no step starts after it.
        skips_one: The first such step ended the process that ran it.

    Returns:
        Whether the device still answers.
    """
    done = journal.done()
    for step in steps:
        if step.name in done:
            continue
        if skips_one:
            journal.write(step.name, error="ended the process that ran it")
            skips_one = False
        elif device.now_s() >= ends_s:
            journal.write(step.name, skipped="deadline")
        elif not _run(step, journal, device):
            return False
    return True


def attempt(fields: Fields, name: str, device: Device, call: Callable[[], T]) -> T | None:
    """
    Measure a part of a step: if it fails, `errors` says why under its name and the rest goes on.
    `broken` names the one that broke the device.

    Returns:
        What the call does, or None.

    Raises:
        DeviceBroken: If the device does not answer any more.
    """
    try:
        return call()
    except Exception as exc:  # whatever a rival's library raises
        fields.setdefault("errors", {})[name] = described(exc)
    device.clear()
    if device.is_lost():
        fields["broken"] = name
        raise DeviceBroken(f"after {name}")
    return None


class DeviceBroken(RuntimeError):
    """A CUDA context that answers every call with its first error."""


def described(exc: BaseException) -> str:
    """One line of an error, and where it came from."""
    frame = traceback.extract_tb(exc.__traceback__)[-1:]
    place = "".join(f" at {Path(f.filename).name}:{f.lineno}" for f in frame)
    return f"{type(exc).__name__}: {str(exc).strip()[:400]}{place}"


def _run(step: Step, journal: Journal, device: Device) -> bool:
    began_s, fields = device.now_s(), Fields()
    try:
        step.run(fields)
    except Exception as exc:  # as above: one step, not the others
        fields["error"] = described(exc)
    except SystemExit:
        fields["error"] = "was asked to end"
        raise
    finally:
        journal.write(step.name, seconds=round(device.now_s() - began_s, 3), **fields)
    if "error" not in fields:
        return True
    device.clear()
    return not device.is_lost()
