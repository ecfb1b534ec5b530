"""`fff-serve train`, stopped and given again."""

import pytest

from model_store.store import Store
from tests.service.cli.conftest import Command
from training import loop


@pytest.fixture
def trained(monkeypatch):
    """Which model each epoch belongs to; those called `stopped` end in Ctrl-C."""
    models: list[str] = []
    train_epoch = loop._train_epoch

    def spied(task, *given):
        if task.model in stopped:
            raise KeyboardInterrupt
        models.append(task.model)
        return train_epoch(task, *given)

    stopped = {"mine-1"}
    monkeypatch.setattr(loop, "_train_epoch", spied)
    return models, stopped


def test_seeds_that_were_finished_when_the_command_was_stopped_are_not_trained_again(
    command: Command, tmp_path, trained, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "store").mkdir()
    models, stopped = trained
    line = ["train", "digits", "--name", "mine", "--seeds", "2", "--store", str(tmp_path / "store")]
    line += ["--set", "epochs=1", "--set", "teacher=none", "--set", "warp=0"]

    first = command(*line)
    stopped.clear()
    second = command(*line)

    assert (first.code, second.code) == (130, 0)
    assert models == ["mine-0", "mine-0-dense", "mine-1", "mine-1-dense"]
    assert Store(tmp_path / "store").versions("mine-0") == [1]
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
