"""
How far a run is, kept on disk, so that one that was interrupted goes on where it was.

What is kept decides every later bit: weights, the optimiser's memory, the generator, and what
selection remembers. A resumed run ends as one that was never interrupted. One that was finished is
kept too, until all that its command trains has been published: it need not be trained again.
"""

import copy
import json
from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import Any

import torch
from torch import Tensor

from training.cache import Kept, Tensors
from training.epoch import Epoch
from training.learners import Learner
from training.selection import Selection

_NOTED_EVERY_S = 20.0  # what an interruption can cost; a note takes milliseconds


@dataclass(slots=True)
class State:
    """
    A run in progress.

    Attributes:
        learner: The network in training.
        optimiser: Its optimiser.
        selection: Which epoch is best, and when to stop.
        epochs: Those trained so far.
        best_parameters: Of the epoch that was kept last.
    """

    learner: Learner
    optimiser: torch.optim.Optimizer
    selection: Selection
    epochs: list[Epoch] = field(default_factory=list)
    best_parameters: Tensors = field(default_factory=dict)

    @property
    def best(self) -> Epoch:
        """The latest epoch that was kept."""
        return [epoch for epoch in self.epochs if epoch.kept][-1]

    def add(self, epoch: Epoch) -> None:
        """Count an epoch, and its weights if it is to be kept."""
        self.epochs.append(epoch)
        if epoch.kept:
            self.best_parameters = copy.deepcopy(self.learner.network.state_dict())

    def back_to_best(self) -> None:
        """Put the kept epoch's weights back."""
        self.learner.network.load_state_dict(self.best_parameters)


class Interruption:
    """
    A run's place on disk.

    Args:
        kept: The file, named after everything that decides the run.
    """

    def __init__(self, kept: Kept):
        self._kept = kept
        self._noted_s = monotonic()

    def note(self, state: State, is_over: bool = False) -> None:
        """Write the state down, if it is time or the run is over."""
        if not is_over and monotonic() - self._noted_s < _NOTED_EVERY_S:
            return
        tensors = {"generator": torch.get_rng_state()}
        tensors |= _prefixed("network", state.learner.network.state_dict())
        tensors |= _prefixed("best", state.best_parameters)
        for number, memory in state.optimiser.state_dict()["state"].items():
            tensors |= _prefixed(f"optimiser.{number}", memory)
        texts = {
            "selection": json.dumps(state.selection.state()),
            "epochs": json.dumps([asdict(epoch) for epoch in state.epochs]),
        }
        self._kept.write(tensors, texts)
        self._noted_s = monotonic()

    def resume(self, state: State, model: str) -> None:
        """Bring a fresh state to where an interrupted run was; `model` is its name now."""
        known = self._kept.read()
        if known is None:
            return
        tensors, texts = known
        state.learner.network.load_state_dict(_under("network", tensors))
        state.best_parameters = _under("best", tensors)
        optimiser = state.optimiser.state_dict()
        memories: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _under("optimiser", tensors).items():
            number, what = name.split(".", 1)
            memories.setdefault(int(number), {})[what] = tensor
        state.optimiser.load_state_dict(optimiser | {"state": memories})
        state.selection.restore(json.loads(texts["selection"]))
        state.epochs = [Epoch(**epoch | {"model": model}) for epoch in json.loads(texts["epochs"])]
        torch.set_rng_state(tensors["generator"])

    def forget(self) -> None:
        """Delete it: what the run gave is published."""
        self._kept.forget()


def _prefixed(prefix: str, tensors: dict[str, Any]) -> Tensors:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def _under(prefix: str, tensors: Tensors) -> Tensors:
    start = f"{prefix}."
    return {name.removeprefix(start): t for name, t in tensors.items() if name.startswith(start)}
