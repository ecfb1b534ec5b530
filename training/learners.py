"""
What learns: the network of each family, what it answers in training, and what it exports.

The loop is the same for all: the same rows, teacher, optimiser and budget. What differs is how a
family answers a batch while it learns, and what its answer is charged for beside the task.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fff.baselines import LowRank, Mixture
from fff.expert_balance import importance_loss, load_loss
from fff.layers import FFF, Dense
from fff.objectives import hard_leaves, hardening, load_balance
from fff.weights import Weights
from training.gates import GATES
from training.recipe import Recipe

# From this many leaves on, fetching one leaf a row is quicker than computing all and masking
# (200 -> 10, l = 8, batches of 256, one thread, 2026-11-27: 16 leaves 3.1 ms either way, 256
# leaves 4.2 ms against 33 ms).
FETCHED_LEAVES = 32
EXPERT_BALANCE = 0.1  # of importance and of load alike: arXiv:2308.14711, table 2


@dataclass(frozen=True, slots=True)
class Moment:
    """
    Where in the training a batch is.

    Attributes:
        epoch: The epoch's number, from 1.
        share: Share of the training that is done, 0 to 1.
    """

    epoch: int
    share: float


@dataclass(frozen=True, slots=True)
class Answer:
    """
    A batch in training.

    Attributes:
        logits: `[n, o]`, or of each leaf `[n, 2**d, o]`; differentiable.
        log_shares: Logarithm of each leaf's share, `[n, 2**d]`, where logits are of each leaf.
        penalty: What is charged beside the task; scalar, differentiable.
        entropy: Of the decisions, in nats; 0 where there are none.
    """

    logits: Tensor
    penalty: Tensor
    entropy: Tensor
    log_shares: Tensor | None = None


class Learner(Protocol):
    """A network in training."""

    @property
    def network(self) -> nn.Module: ...

    def answer(self, x: Tensor, at: Moment) -> Answer:
        """Answer a batch, `[n, i]`, float32."""
        ...

    def weights(self) -> Weights:
        """What would be served, detached."""
        ...


class DenseLearner:
    """A dense network, of full or of low rank: nothing but its task."""

    def __init__(self, recipe: Recipe, inputs: int, classes: int):
        width, act, dropout = recipe.hidden_width, recipe.activation, recipe.leaf_dropout
        self.network: Dense | LowRank
        if recipe.family == "low_rank":
            self.network = LowRank(inputs, classes, width, recipe.rank, act, dropout)
        else:
            self.network = Dense(inputs, classes, width, act, dropout)

    def answer(self, x: Tensor, at: Moment) -> Answer:
        """Answer a batch, `[n, i]`."""
        return Answer(self.network(x), x.new_zeros(()), x.new_zeros(()))

    def weights(self) -> Weights:
        """What would be served."""
        return self.network.weights()


class MixtureLearner:
    """A mixture of experts: noisy in training, charged for uneven importance and load."""

    def __init__(self, recipe: Recipe, inputs: int, classes: int):
        self.network = Mixture(
            inputs,
            classes,
            recipe.experts,
            recipe.leaf_width,
            recipe.top_k,
            recipe.activation,
            recipe.leaf_dropout,
        )

    def answer(self, x: Tensor, at: Moment) -> Answer:
        """Answer a batch, `[n, i]`."""
        output = self.network.gated(x)
        uneven = importance_loss(output.gates) + load_loss(output.load)
        return Answer(output.logits, EXPERT_BALANCE * uneven, x.new_zeros(()))

    def weights(self) -> Weights:
        """What would be served."""
        return self.network.weights()


class FFFLearner:
    """
    An FFF, in three parts: leaves mixed, leaves in competition, routing frozen.

    Decisions harden with every step of the first two; in the last, leaves learn what is served. A
    fixed tree is frozen from the start.
    """

    def __init__(self, recipe: Recipe, inputs: int, classes: int):
        self._recipe = recipe
        self._gate = GATES[recipe.gate]
        self.network = FFF(
            inputs,
            classes,
            recipe.depth,
            recipe.leaf_width,
            recipe.activation,
            recipe.master_width,
            recipe.region_leak,
            recipe.leaf_dropout,
        )

    def answer(self, x: Tensor, at: Moment) -> Answer:
        """Answer a batch, `[n, i]`."""
        if self._recipe.family == "fixed_tree" or self._recipe.is_frozen(at.share):
            return self._frozen(x)
        if self._recipe.is_competing(at.share):
            return self._competing(x, at)
        return self._soft(x, at)

    def weights(self) -> Weights:
        """
        What would be served: its soft decisions as firm as they were at the end of learning.

        A score divided by a temperature decides the same. Soft accuracy is by the papers' product
        of these decisions, whichever gate the network learnt by.
        """
        return self.network.weights().with_firmness(1 / self._recipe.final_temperature)

    def _soft(self, x: Tensor, at: Moment) -> Answer:
        """All leaves' outputs mixed, as in the papers; theirs is the region leak too."""
        recipe, temperature = self._recipe, self._recipe.temperature_at(at.share)
        if recipe.region_leak:
            soft = self.network.soft(x)
        else:
            soft = self.network.soft(x, lambda scores: self._gate(scores, temperature).exp())
        return Answer(soft.logits, *self._charged(soft.scores, soft.mixture, at))

    def _competing(self, x: Tensor, at: Moment) -> Answer:
        """Every leaf for itself, and how likely each is to be the one."""
        scores = self.network.scores(x)
        log_shares = self._gate(scores, self._recipe.temperature_at(at.share))
        charged = self._charged(scores, log_shares.exp(), at)
        return Answer(self.network.each_leaf(x), *charged, log_shares)

    def _charged(self, scores: Tensor, mixture: Tensor, at: Moment) -> tuple[Tensor, Tensor]:
        """Penalty and entropy."""
        entropy = hardening(scores / self._recipe.temperature_at(at.share))
        penalty = self._recipe.hardening_at(at.epoch) * entropy
        alpha = self._recipe.load_balance_at(at.epoch)
        if alpha:
            penalty = penalty + alpha * load_balance(mixture, hard_leaves(scores))
        return penalty, entropy.detach()

    def _frozen(self, x: Tensor) -> Answer:
        leaves, none = 2**self.network.depth, x.new_zeros(())
        if leaves >= FETCHED_LEAVES:
            with torch.no_grad():
                leaf = hard_leaves(self.network.scores(x))
            return Answer(self.network.at_leaves(x, leaf), none, none)
        alone = self.network.soft(x, lambda scores: F.one_hot(hard_leaves(scores), leaves).to(x))
        return Answer(alone.logits, none, none)


LEARNERS: dict[str, type[FFFLearner] | type[DenseLearner] | type[MixtureLearner]] = {
    "fff": FFFLearner,
    "fixed_tree": FFFLearner,
    "dense": DenseLearner,
    "low_rank": DenseLearner,
    "mixture": MixtureLearner,
}


def build_learner(recipe: Recipe, inputs: int, classes: int) -> Learner:
    """
    Draw the network of a recipe.

    Args:
        recipe: Its family decides which.
        inputs: Width of the rows that it sees, `i`.
        classes: `o`.
    """
    return LEARNERS[recipe.family](recipe, inputs, classes)
