"""Tiny networks that are given token ids, and random ids for them."""

from collections import OrderedDict
from typing import Literal

import torch
from torch import Tensor, nn

from fff.layers import FFF
from networks import Attention, Pooling, PositionEmbedding, Residual
from networks.ragged import NO_TOKEN
from networks.weights import NetworkWeights

VOCABULARY, LENGTH, WIDTH, CLASSES, LEAVES = 50, 40, 16, 3, 8
Ends = Literal["classes", "tokens"]


def network(ends: Ends = "classes", seed: int = 0) -> NetworkWeights:
    """A transformer block with an FFF layer; ends in classes, or in logits of every token's id."""
    torch.manual_seed(seed)
    head = nn.Linear(WIDTH, VOCABULARY if ends == "tokens" else CLASSES)
    blocks = OrderedDict[str, nn.Module]()
    blocks |= {
        "tokens": nn.Embedding(VOCABULARY, WIDTH),
        "places": PositionEmbedding(LENGTH, WIDTH),
        "attend": Residual(nn.LayerNorm(WIDTH), Attention(WIDTH, 2)),
        "feed": Residual(nn.LayerNorm(WIDTH), FFF(WIDTH, WIDTH, 3, 4)),
    }
    if ends == "classes":
        blocks["pool"] = Pooling("mean")
    blocks["head"] = head
    return NetworkWeights.of(nn.Sequential(blocks), [LENGTH])


def random_ids(lengths: list[int], seed: int = 0) -> Tensor:
    """Ids of examples of these lengths, `[n, longest]`, int32."""
    g = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, VOCABULARY, (len(lengths), max(lengths)), generator=g).int()
    there = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return ids.masked_fill(~there, NO_TOKEN)
