"""
The hard descent as operators of torch, for `torch.compile`, `torch.export` and autograd.

`fff::hard_descent` takes each row to its leaf and computes that; behind it are the kernels
(`fff.resident`) over weights that are packed once (`fff.packed_layers`). Its gradient reaches the
rows and the leaves that were taken. None reaches the nodes: the leaf is a step function of them.

Registered by `torch.library.define` and not by `torch.library.custom_op`, whose wrapper takes 6 to
7 µs a call more, 11 with a gradient (2-core AMD EPYC VM, busy, best of 400 rounds, 2026-11-28).
"""

import torch
from torch import Tensor

from fff.number_types import wide
from fff.packed_layers import PackedLayers
from fff.resident import Descend, Descent, resident
from fff.taken_leaves import Leaves
from fff.weights import FFFWeights, TieRule

PACKED = PackedLayers()
"""One for the process: an operator is given tensors, and nothing that could own what it packs."""

_LAYER = "Tensor w1s, Tensor b1s, Tensor w2s, Tensor b2s"
_TAGS = (torch.Tag.pt2_compliant_tag,)

torch.library.define(
    "fff::hard_descent",
    f"(Tensor x, Tensor node_weights, Tensor node_biases, {_LAYER}, str activation, str tie)"
    " -> (Tensor, Tensor, Tensor)",
    tags=_TAGS,
)
torch.library.define(
    "fff::hard_descent_backward",
    f"(Tensor grad, Tensor x, Tensor leaf, {_LAYER}, str activation)"
    " -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
    tags=_TAGS,
)


def hard_descent(
    x: Tensor,
    node_weights: Tensor,
    node_biases: Tensor,
    w1s: Tensor,
    b1s: Tensor,
    w2s: Tensor,
    b2s: Tensor,
    activation: str,
    tie: TieRule,
) -> Descent:
    """
    Take each row down the tree and compute the leaf it meets.

    Args:
        x: `[n, i]`, any float dtype; scores and, but for float64 weights, answers are float32.
        node_weights: `[2**d - 1, i]`.
        node_biases: `[2**d - 1, 1]`.
        w1s: `[2**d, i, l]`; the first tensor by which `PACKED` knows the layer.
        b1s: `[2**d, l]`.
        w2s: `[2**d, l, o]`.
        b2s: `[2**d, o]`.
        activation: A name of `fff.activations`.
        tie: Where a score of exactly 0 goes.

    Returns:
        Logits, `[n, o]`, float32, or float64 with such weights: differentiable. Leaf, `[n]`, int32.
        Margin, `[n]`, float32, as in `fff.inference_result`.

    Raises:
        ShapeError: If tensors do not fit together.
        ValueError: If `x` is not `[n, i]`, or on another device than the weights.
    """
    layer = (w1s, b1s, w2s, b2s)
    result: Descent = torch.ops.fff.hard_descent(
        x, node_weights, node_biases, *layer, activation, tie
    )
    return result


def _descend(
    x: Tensor,
    node_weights: Tensor,
    node_biases: Tensor,
    w1s: Tensor,
    b1s: Tensor,
    w2s: Tensor,
    b2s: Tensor,
    activation: str,
    tie: TieRule,
) -> Descent:
    if x.device != w1s.device:
        raise ValueError(f"x must be on {w1s.device}, where the layer is; got {x.device}")
    layer = (w1s, b1s, w2s, b2s, node_weights, node_biases)
    threads = torch.get_num_threads()

    def pack() -> Descend:
        w1, b1, w2, b2, nodes, biases = (wide(tensor.detach()) for tensor in layer)
        weights = FFFWeights(nodes, biases.flatten(), w1, b1, w2, b2, activation, tie=tie)
        leaf_dtype = "bfloat16" if w1s.dtype == torch.bfloat16 == w2s.dtype else "float32"
        return resident(weights, w1s.device, threads, leaf_dtype)

    return PACKED.find(layer, (activation, tie, threads), pack)(x.detach())


def _descend_fake(
    x: Tensor,
    node_weights: Tensor,
    node_biases: Tensor,
    w1s: Tensor,
    b1s: Tensor,
    w2s: Tensor,
    b2s: Tensor,
    activation: str,
    tie: TieRule,
) -> Descent:
    n, dtype = x.shape[0], torch.float64 if w1s.dtype == torch.float64 else torch.float32
    leaf = x.new_empty(n, dtype=torch.int32)
    return x.new_empty(n, w2s.shape[2], dtype=dtype), leaf, x.new_empty(n, dtype=torch.float32)


def _backward(
    grad: Tensor,
    x: Tensor,
    leaf: Tensor,
    w1s: Tensor,
    b1s: Tensor,
    w2s: Tensor,
    b2s: Tensor,
    activation: str,
) -> tuple[Tensor, ...]:
    return Leaves(w1s, b1s, w2s, b2s, activation).backward(grad, x, leaf)


def _backward_fake(
    grad: Tensor,
    x: Tensor,
    leaf: Tensor,
    w1s: Tensor,
    b1s: Tensor,
    w2s: Tensor,
    b2s: Tensor,
    activation: str,
) -> tuple[Tensor, ...]:
    return tuple(torch.empty_like(tensor) for tensor in (x, w1s, b1s, w2s, b2s))


def _keep_for_backward(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]  # torch's
    x, _, _, w1s, b1s, w2s, b2s, activation, _ = inputs
    _, leaf, margin = output
    ctx.mark_non_differentiable(leaf, margin)
    ctx.save_for_backward(x, leaf, w1s, b1s, w2s, b2s)
    ctx.activation = activation


def _differentiate(ctx, grad, *others):  # type: ignore[no-untyped-def]
    of_x, *of_leaves = torch.ops.fff.hard_descent_backward(grad, *ctx.saved_tensors, ctx.activation)
    return of_x, None, None, *of_leaves, None, None


def _refuse_second_derivative(ctx, *grads):  # type: ignore[no-untyped-def]
    # Without this torch would warn, and take the gradient to be constant.
    raise NotImplementedError("a hard descent has a first derivative alone; soft training has more")


# For every device: what runs there, `fff.resident` decides.
torch.library.impl("fff::hard_descent", "CompositeExplicitAutograd", _descend)
torch.library.impl("fff::hard_descent_backward", "CompositeExplicitAutograd", _backward)
torch.library.register_fake("fff::hard_descent", _descend_fake)
torch.library.register_fake("fff::hard_descent_backward", _backward_fake)
torch.library.register_autograd(
    "fff::hard_descent", _differentiate, setup_context=_keep_for_backward
)
torch.library.register_autograd("fff::hard_descent_backward", _refuse_second_derivative)
