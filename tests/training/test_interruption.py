"""A run that was interrupted ends as one that never was, to the last bit."""

from pathlib import Path

import pytest
import torch

from tests.training.toys import OURS, TOY, quarters, task_of
from training import cache, interruption
from training.cache import Kept
from training.epoch import Epoch
from training.interruption import Interruption
from training.loop import Fit, fit
from training.ranges import FAMILIES
from training.recipe import Recipe

DATA = quarters(200, seed=1)
SECOND = TOY.override({"epochs": 3, "second_epochs": 3, "second_hardening": 5})


class Stopped(Exception):
    """What Ctrl-C, or a machine that is switched off, is here."""


@pytest.fixture(autouse=True)
def _notes_after_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "_NOTED_EVERY_S", 0.0)


def run(
    recipe: Recipe, kept: Kept, stop_after: int | None = None, name: str = "toy"
) -> tuple[Fit, list[int]]:
    """Train; stopped where the epoch after that one would begin to be told of."""
    told: list[int] = []

    def progress(epoch: Epoch) -> None:
        told.append(epoch.number)
        if stop_after is not None and epoch.number > stop_after:
            raise Stopped

    return fit(task_of(DATA, recipe, 3, name), recipe, 3, progress, Interruption(kept)), told


@pytest.mark.parametrize("stop_after", [1, 3, 5])
@pytest.mark.parametrize(
    "recipe",
    [OURS.override({"family": family}) for family in FAMILIES]
    + [TOY.override({"optimiser": "sgd", "epochs": 7, "patience": 7}), SECOND],
    ids=[*FAMILIES, "sgd", "second-part"],
)
def test_a_resumed_run_is_the_uninterrupted_one(
    tmp_path: Path, recipe: Recipe, stop_after: int
) -> None:
    whole, told = run(recipe, Kept(tmp_path / "whole"))
    with pytest.raises(Stopped):
        run(recipe, Kept(tmp_path / "part"), stop_after)
    resumed, told_again = run(recipe, Kept(tmp_path / "part"))

    assert told_again == told
    assert resumed.epochs == whole.epochs
    for name, tensor in whole.weights.tensors().items():
        assert torch.equal(tensor, resumed.weights.tensors()[name]), name


def test_a_run_may_go_on_under_another_name(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        run(TOY, Kept(tmp_path / "run"), stop_after=1)
    resumed, _ = run(TOY, Kept(tmp_path / "run"), name="renamed")

    assert {epoch.model for epoch in resumed.epochs} == {"renamed"}


def test_a_file_that_cannot_be_read_is_a_fresh_start(tmp_path: Path) -> None:
    (tmp_path / "broken").write_bytes(b"not a tensor")

    assert Kept(tmp_path / "broken").read() is None
    assert Kept(tmp_path / "missing").read() is None


def test_everything_that_decides_a_run_names_its_file() -> None:
    facts = {"seed": 0, "depth": 4}

    assert Kept.of("run", facts) == Kept.of("run", dict(reversed(facts.items())))
    assert Kept.of("run", facts) != Kept.of("run", facts | {"seed": 1})
    assert Kept.of("run", facts) != Kept.of("teacher", facts)


@pytest.mark.parametrize(
    ("what", "value"), [("_code_sha256", "another"), ("_versions", {"numba": "another"})]
)
def test_another_version_of_the_code_or_of_what_it_computes_with_starts_anew(
    monkeypatch: pytest.MonkeyPatch, what: str, value: object
) -> None:
    before = Kept.of("run", {"seed": 0})
    monkeypatch.setattr(cache, what, lambda: value)

    assert Kept.of("run", {"seed": 0}) != before


def test_the_code_is_all_that_trains_and_judges() -> None:
    root = Path(cache.__file__).parents[1]
    code = {str(file.relative_to(root)) for file in cache._code()}

    assert code >= {
        "fff/kernels/cpu/backend.py",
        "training/recipes/ours.py",
        "evaluation/calibration.py",
        "model_store/manifest.py",
    }
    assert not [file for file in code if file.startswith("evaluation/report")]


def test_who_has_no_home_trains_without_a_cache_and_is_told_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "relative")
    cache._warn_once.cache_clear()

    for _ in range(2):
        kept = Kept.of("run", {"seed": 0})
        trained, _ = run(TOY, kept)
        kept.forget()

    assert len(trained.epochs) == TOY.epochs
    assert kept.read() is None
    assert [record.message.split(",")[0] for record in caplog.records] == [
        "the user's cache folder cannot be written"
    ]


def test_a_cache_that_cannot_be_written_is_said_once_and_ends_no_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    nowhere = tmp_path / "file" / "run"

    trained, _ = run(TOY, Kept(nowhere))

    assert len(trained.epochs) == TOY.epochs
    assert [record.message for record in caplog.records if str(nowhere.parent) in record.message]
    assert len(caplog.records) == 1
