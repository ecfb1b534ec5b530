"""
The model of the request-path bench: one tree of random weights, published into a store.

Covered:      a tree with a master leaf, and a dense twin beside it where a bench needs one.
Not covered:  trained weights; `bench.http --batching` takes the demo pair.
"""

from dataclasses import replace
from pathlib import Path

import torch

from bench.networks import Shape, random_dense, random_tree
from fff.weights import FeedForwardWeights, FFFWeights
from model_store.store import Store

MODEL = "bench"
SHAPE, MASTER_WIDTH = Shape(i=784, o=10, l=8, d=4), 8  # of the published model_l8_d4_a1_h1_master3
SEED = 0


def random_weights(generator: torch.Generator) -> FFFWeights:
    """Draw a tree of `SHAPE` with a master leaf of `MASTER_WIDTH`."""
    tree = random_tree(SHAPE, generator)
    master = random_dense(SHAPE, MASTER_WIDTH, generator)
    return replace(tree, master=master, master_logit=torch.tensor(1.0))


def publish(
    store: Path, weights: FFFWeights, twin: FeedForwardWeights | None = None, name: str = MODEL
) -> None:
    """
    Put random weights into a store.

    Args:
        store: Folder; made if it is not there.
        weights: The tree.
        twin: Dense network to be its baseline, published as `NAME-dense`.
        name: Of the tree in the store.
    """
    origin = {"how": "training", "recipe": {"weights": "random"}, "seed": SEED, "metrics": {}}
    baseline = f"{name}-dense" if twin else None
    if twin:
        Store(store).publish(f"{name}-dense", twin, origin=origin)
    Store(store).publish(name, weights, baseline=baseline, origin=origin)
