"""State dicts as their authors save them: random, small, and with the layout's own names."""

import torch
from torch import Tensor

State = dict[str, Tensor]


def fastfeedforward(
    i: int = 6,
    d: int = 3,
    l: int = 2,  # noqa: E741 (the package's letter for leaf width)
    o: int = 4,
    usage: bool = False,
) -> State:
    """The package fastfeedforward, any version; `usage` is its `usage_mode`."""
    g = torch.Generator().manual_seed(d)
    leaves, nodes = 2**d, 2**d - 1
    state = {
        "depth": torch.tensor(d),
        "node_weights": torch.randn(nodes, i, generator=g),
        "node_biases": torch.randn(nodes, 1, generator=g) / 4,
        "w1s": torch.randn(leaves, i, l, generator=g),
        "b1s": torch.randn(leaves, l, generator=g),
        "w2s": torch.randn(leaves, l, o, generator=g),
        "b2s": torch.randn(leaves, o, generator=g),
    }
    if usage:
        state |= {"node_usage": torch.ones(nodes), "leaf_usage": torch.ones(leaves)}
    return state


def load_balanced() -> State:
    """The eFFF experiments, "Load Balance"."""
    return fastfeedforward(usage=True) | {"f": torch.ones(8)}


def master_leaf(m: int = 5) -> State:
    """The eFFF experiments, "Master Leaf + Load Balance"."""
    g = torch.Generator().manual_seed(m)
    return load_balanced() | {
        "magic_w1": torch.randn(1, 6, m, generator=g),
        "magic_b1": torch.randn(1, m, generator=g),
        "magic_w2": torch.randn(1, m, 4, generator=g),
        "magic_b2": torch.randn(1, 4, generator=g),
        "k": torch.tensor(0.7),
    }


def original_eval(state: State, x: Tensor, with_b2s: bool) -> Tensor:
    """
    What the authors' `eval_forward` computes, written from the formula, in float64.

    fastfeedforward 0.1.0, 0.2.0 and eFFF add `b2s`; fastfeedforward 0.2.1 does not.
    """
    s, answers = {name: t.double() for name, t in state.items()}, []
    for row in x.double():
        node = 0
        for _ in range(int(state["depth"])):
            score = row @ s["node_weights"][node] + s["node_biases"][node, 0]
            node = 2 * node + 1 + int(score >= 0)
        j = node - (2 ** int(state["depth"]) - 1)
        y = torch.relu(row @ s["w1s"][j] + s["b1s"][j]) @ s["w2s"][j]
        y = y + s["b2s"][j] if with_b2s else y
        if "k" in s:
            hidden = torch.relu(row @ s["magic_w1"][0] + s["magic_b1"][0])
            master = hidden @ s["magic_w2"][0] + s["magic_b2"][0]
            y = torch.sigmoid(s["k"]) * y + (1 - torch.sigmoid(s["k"])) * master
        answers.append(y)
    return torch.stack(answers)
