"""One step that fails costs itself; a device that is lost costs what is left of the process."""

from pathlib import Path

import pytest

from bench.gpu.journal import Fields, Journal, read
from bench.gpu.rehearsal import Rehearsal
from bench.gpu.steps import DeviceBroken, Step, attempt, run_steps

FAILURES = [RuntimeError("compile error"), MemoryError(), ValueError("NaN"), AssertionError()]


class Lost(Rehearsal):
    """A device that does not answer."""

    def is_lost(self) -> bool:
        return True


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "lines.jsonl", "part")


def step(
    name: str, value: int | Exception, seconds: float = 0.0, on: Rehearsal | None = None
) -> Step:
    def run(fields: Fields) -> None:
        fields["begun"] = True
        if on:
            on.takes(seconds)
        if isinstance(value, Exception):
            raise value
        fields["value"] = value

    return Step(name, run)


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
def test_a_step_that_fails_costs_one_line(journal: Journal, failure: Exception) -> None:
    steps = [step("first", 1), step("second", failure), step("third", 3)]

    assert run_steps(steps, journal, Rehearsal(False), 1e9)

    first, second, third = journal.lines()
    assert (first["value"], third["value"]) == (1, 3)
    assert second["begun"], "what was found before the failure is kept"
    assert type(failure).__name__ in second["error"]


def test_no_step_begins_after_the_deadline(journal: Journal) -> None:
    device = Rehearsal(False)
    steps = [step(str(k), k, 4.0, device) for k in range(4)]

    assert run_steps(steps, journal, device, 7.0)

    assert [line.get("skipped") for line in journal.lines()] == [None, None, "deadline", "deadline"]
    assert device.now_s() == 8.0


def test_a_lost_device_ends_the_part_and_another_process_goes_on(journal: Journal) -> None:
    steps = [step("first", 1), step("second", RuntimeError("illegal address")), step("third", 3)]

    assert not run_steps(steps, journal, Lost(False), 1e9)
    assert [line["step"] for line in journal.lines()] == ["first", "second"]
    assert run_steps(steps, journal, Rehearsal(False), 1e9)

    assert [line["step"] for line in journal.lines()] == ["first", "second", "third"]


def test_a_step_that_ended_its_process_is_not_run_again(journal: Journal) -> None:
    journal.write("first", value=1)
    steps = [step("first", 1), step("second", 2), step("third", 3)]

    assert run_steps(steps, journal, Rehearsal(False), 1e9, skips_one=True)

    assert [line.get("value") for line in journal.lines()] == [1, None, 3]
    assert journal.lines()[1]["error"] == "ended the process that ran it"


def test_a_side_that_fails_leaves_the_others_their_times() -> None:
    device, fields = Rehearsal(False), Fields()

    def fail() -> int:
        raise RuntimeError("out of memory")

    assert attempt(fields, "gather", device, fail) is None
    assert attempt(fields, "ours", device, lambda: 7) == 7

    assert list(fields["errors"]) == ["gather"]
    assert "out of memory" in fields["errors"]["gather"]


def test_a_side_that_breaks_the_device_ends_its_step(journal: Journal) -> None:
    device = Lost(False)

    def cell(fields: Fields) -> None:
        fields["ours_us"] = 7.0
        attempt(fields, "rival", device, lambda: 1 / 0)

    assert not run_steps([Step("cell", cell)], journal, device, 1e9)

    (line,) = journal.lines()
    assert (line["ours_us"], line["broken"]) == (7.0, "rival")
    assert DeviceBroken.__name__ in line["error"]


def test_a_line_that_was_cut_off_is_left_out(journal: Journal, tmp_path: Path) -> None:
    journal.write("first", value=1)
    file = tmp_path / "lines.jsonl"
    file.write_text(file.read_text() + '{"part": "part", "st')

    assert [line["step"] for line in read(file)] == ["first"]
