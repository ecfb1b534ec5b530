"""What the learning curves show, of one epoch and of many, of one network and of many."""

import re
from pathlib import Path

import pytest

from evaluation.report.learning_curve import learning_curves
from model_store.manifest import TrainingOrigin
from model_store.store import Checkpoint, Store
from tests.evaluation.report.made_up import SCALING, fff


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def trained(store: Store, name: str, epochs: int, by_heart: bool = True) -> Checkpoint:
    """Publish a network as if it had been trained for so long."""
    rising = [epoch / 100 for epoch in range(1, epochs + 1)]
    curve = {"validation_accuracy": rising} | ({"fitted_accuracy": rising} if by_heart else {})
    recipe: dict[str, str | int | float | bool] = {"name": "ours"}
    origin = TrainingOrigin(recipe=recipe, seed=0, curve=curve, metrics={})
    return store.publish(name, fff(0), origin=origin, uint8=SCALING)


def test_rows_learnt_from_are_named_where_they_are_drawn(store: Store) -> None:
    both, alone = trained(store, "both", 9), trained(store, "alone", 9, by_heart=False)

    assert ">thin: rows<" in learning_curves([both, alone])
    assert ">thin: rows<" not in learning_curves([alone])


def test_a_single_epoch_is_seen(store: Store) -> None:
    """A line of one point is none, so it is a dot: a mark that is used in the picture."""
    drawn = learning_curves([trained(store, "one", 1, by_heart=False)])

    assert re.search(r'<use [^>]*style="fill: #0072b2; stroke: #0072b2"', drawn)


def test_epochs_are_whole(store: Store) -> None:
    drawn = learning_curves([trained(store, "short", 3)])

    ticks = re.findall(r'id="xtick_.*?>([^<>]+)</text>', drawn, re.DOTALL)
    assert ticks
    assert all(tick.isdigit() for tick in ticks)


def test_many_networks_with_long_names_leave_the_curves_their_room(store: Store) -> None:
    """Without it matplotlib warns, and a warning is an error here."""
    networks = [trained(store, f"network-{'x' * 50}-{number}", 3) for number in range(30)]

    drawn = learning_curves(networks)

    assert all(f">{network.name}<" in drawn for network in networks)
    assert "stroke-dasharray" in drawn  # once the colours are used up
