"""
The networks that are trained on a table: an FFF whose tree stands still, and its rivals.

Shape letters: see `fff.weights`.
"""

from torch import Tensor, from_numpy, nn

from fff.baselines import LowRank
from fff.layers import FFF, Dense
from fff.objectives import hard_leaves
from fff.perceptron import Multilayer
from fff.weights import FFFWeights
from training.field.tree import Tree
from training.table.recipe import TableRecipe


class Planted(nn.Module):
    """
    An FFF on a tree that was grown: a row is computed, and learnt, by the leaf that is served.

    All leaves begin alike, so that one with few rows is the network that it began as, made a
    little better, and not another.

    Args:
        recipe: Widths, activation, dropout.
        tree: Of the recipe's depth.
        outputs: `o`.
    """

    def __init__(self, recipe: TableRecipe, tree: Tree, outputs: int):
        super().__init__()
        self.fff = FFF(
            tree.node_weight.shape[1],
            outputs,
            recipe.depth,
            recipe.leaf_width,
            recipe.activation,
            recipe.master_width,
            leaf_dropout=recipe.dropout,
        )
        for node, grown in (
            (self.fff.node_weights, tree.node_weight),
            (self.fff.node_biases, tree.node_bias[:, None]),
        ):
            node.data = from_numpy(grown)
            node.requires_grad_(False)
        for leaves in (self.fff.w1s, self.fff.b1s, self.fff.w2s, self.fff.b2s):
            leaves.data = leaves.data[:1].repeat(len(leaves), *[1] * (leaves.ndim - 1))

    def forward(self, x: Tensor) -> Tensor:
        """`[n, i]` to `[n, o]`."""
        return self.fff.at_leaves(x, hard_leaves(self.fff.scores(x)))

    def weights(self) -> FFFWeights:
        """What is served."""
        return self.fff.weights()


Network = Planted | Dense | LowRank | Multilayer


def draw_rival(recipe: TableRecipe, inputs: int, outputs: int) -> Dense | LowRank | Multilayer:
    """Draw the network of another family than `fff`."""
    width, activation, dropout = recipe.hidden_width, recipe.activation, recipe.dropout
    if recipe.family == "dense":
        return Dense(inputs, outputs, width, activation, dropout)
    if recipe.family == "low_rank":
        return LowRank(inputs, outputs, width, recipe.rank, activation, dropout)
    widths = [width] * recipe.hidden_layers
    return Multilayer(inputs, outputs, widths, activation, dropout=dropout)
