"""What a command had finished when it was stopped is not trained again."""

from pathlib import Path

import pytest

from model_store.store import Store
from tests.training.conftest import TEST, TRAIN
from tests.training.toys import TOY
from training import loop
from training.epoch import Epoch
from training.interruption import Interruption
from training.loop import Task
from training.models import train_models


class Stopped(Exception):
    """What Ctrl-C, or a machine that is switched off, is here."""


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Which model each epoch belongs to that is really trained; of a cache that is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    models: list[str] = []
    train_epoch = loop._train_epoch

    def spied(task: Task, *given: object) -> tuple[float, float]:
        models.append(task.model)
        return train_epoch(task, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "_train_epoch", spied)
    return models


def stop_in_the_twin(epoch: Epoch) -> None:
    if epoch.model == "toy-dense":
        raise Stopped


def files(folder: Path) -> list[Path]:
    return [path for path in (folder / "cache").rglob("*") if path.is_file()]


def test_a_network_that_was_finished_before_the_stop_comes_back_with_the_same_bits(
    tmp_path: Path, trained: list[str]
) -> None:
    whole = train_models(TOY, TRAIN, TEST, Store(tmp_path / "whole"), "toy", 3, lambda epoch: None)
    assert files(tmp_path) == []
    (tmp_path / "store").mkdir()
    store = Store(tmp_path / "store")
    with pytest.raises(Stopped):
        train_models(TOY, TRAIN, TEST, store, "toy", 3, stop_in_the_twin)
    assert store.models() == []
    trained.clear()
    told: list[Epoch] = []

    again = train_models(TOY, TRAIN, TEST, store, "toy", 3, told.append)

    assert trained == ["toy-dense"] * TOY.epochs
    assert [epoch.model for epoch in told] == ["toy"] * TOY.epochs + trained
    assert [model.manifest for model in again] == [model.manifest for model in whole]
    assert files(tmp_path) == []


def test_a_caller_with_more_to_train_decides_when_finished_runs_are_forgotten(
    tmp_path: Path, trained: list[str]
) -> None:
    store, runs = Store(tmp_path / "store"), list[Interruption]()
    for _ in range(2):
        train_models(TOY, TRAIN, TEST, store, "toy", 3, lambda epoch: None, runs=runs)

    assert trained == ["toy"] * TOY.epochs + ["toy-dense"] * TOY.epochs
    assert store.versions("toy") == [1]
    for run in runs:
        run.forget()
    assert files(tmp_path) == []
