"""
The descent of FFF-beta as operators of torch, for `torch.compile`, `torch.export` and autograd.

`fff::beta_descent` takes each row down every tree and adds up the neurons it meets; behind it are
the kernels, over weights that are packed once (`fff.packed_layers`). Its gradient reaches the rows
and the neurons that were met, through what they put out; none goes through the decisions, which are
step functions. So a layer is trained as it is served.
"""

import warnings

import torch
from torch import Tensor

from fff.backends import build_beta
from fff.beta_paths import Neurons
from fff.beta_reference import walk
from fff.beta_weights import FFFBetaWeights
from fff.errors import BackendUnavailable
from fff.names import TieRule
from fff.number_types import wide
from fff.operators import PACKED
from fff.resident import Descend, Descent

_TAGS = (torch.Tag.pt2_compliant_tag,)

torch.library.define(
    "fff::beta_descent",
    "(Tensor x, Tensor w_in, Tensor b_in, Tensor w_out, int trees, str activation, str tie)"
    " -> (Tensor, Tensor, Tensor)",
    tags=_TAGS,
)
torch.library.define(
    "fff::beta_descent_backward",
    "(Tensor grad, Tensor x, Tensor leaf, Tensor w_in, Tensor b_in, Tensor w_out, int trees,"
    " str activation) -> (Tensor, Tensor, Tensor, Tensor)",
    tags=_TAGS,
)


def beta_descent(
    x: Tensor,
    w_in: Tensor,
    b_in: Tensor,
    w_out: Tensor,
    trees: int,
    activation: str,
    tie: TieRule,
) -> Descent:
    """
    Take each row down every tree and add up what the neurons on its paths put out.

    Args:
        x: `[n, i]`, any float dtype; sums and, but for float64 weights, answers are float32.
        w_in: Input weights, `[N, i]`, `N = k (2**(d + 1) - 1)`, tree by tree; the tensor by which
            `fff.operators.PACKED` knows the layer.
        b_in: Input biases, `[N]`.
        w_out: Output weights, `[o, N]`.
        trees: `k`.
        activation: A name of `fff.activations`.
        tie: Where a sum of exactly 0 goes.

    Returns:
        Outputs, `[n, o]`, float32, or float64 with such weights: differentiable. Leaves, `[n, k]`,
        int32, and margins, `[n, k]`, float32, as in `fff.inference_result`.

    Raises:
        ShapeError: If tensors do not fit together.
        ValueError: If `x` is not `[n, i]`, or on another device than the weights.
    """
    result: Descent = torch.ops.fff.beta_descent(x, w_in, b_in, w_out, trees, activation, tie)
    return result


def as_weights(
    w_in: Tensor, b_in: Tensor, w_out: Tensor, trees: int, activation: str, tie: TieRule
) -> FFFBetaWeights:
    """See the tensors of `beta_descent` as weights, of float32 or float64; memory is shared."""
    parts = w_in, b_in, w_out.T
    nodes = len(w_in) // trees
    w, b, out = (wide(part.detach()).reshape(trees, nodes, *part.shape[1:]) for part in parts)
    return FFFBetaWeights(w, b, out, activation, tie)


def _descend(
    x: Tensor,
    w_in: Tensor,
    b_in: Tensor,
    w_out: Tensor,
    trees: int,
    activation: str,
    tie: TieRule,
) -> Descent:
    if x.device != w_in.device:
        raise ValueError(f"x must be on {w_in.device}, where the layer is; got {x.device}")
    layer, threads = (w_in, b_in, w_out), torch.get_num_threads()

    def pack() -> Descend:
        weights = as_weights(*layer, trees, activation, tie)
        if w_in.dtype == torch.float64:
            return _by_reference(weights, Neurons(*layer, trees, activation))
        return _resident(weights, w_in.device, threads)

    return PACKED.find(layer, (trees, activation, tie, threads), pack)(x.detach())


def _resident(weights: FFFBetaWeights, device: torch.device, threads: int) -> Descend:
    name = {"cpu": "numba", "cuda": "triton"}.get(device.type, "torch")
    reason = f"there is no kernel for devices of type {device.type}"
    if name != "torch":
        try:
            return build_beta(weights, device, name, threads, "float32").descend
        except BackendUnavailable as exc:
            reason = str(exc)
    warnings.warn(f"an FFF-beta is computed by plain PyTorch, slower: {reason}", stacklevel=2)
    return build_beta(weights, device, "torch", threads, "float32").descend


def _by_reference(weights: FFFBetaWeights, neurons: Neurons) -> Descend:
    def descend(x: Tensor) -> Descent:
        walks = [walk(x, weights, tree) for tree in range(weights.trees)]
        leaf = torch.stack([one for one, _ in walks], 1)
        margin = torch.stack([one for _, one in walks], 1)
        return neurons.forward(x.to(torch.float64), leaf), leaf.int(), margin.float()

    return descend


def _descend_fake(
    x: Tensor,
    w_in: Tensor,
    b_in: Tensor,
    w_out: Tensor,
    trees: int,
    activation: str,
    tie: TieRule,
) -> Descent:
    n, dtype = x.shape[0], torch.float64 if w_in.dtype == torch.float64 else torch.float32
    return (
        x.new_empty(n, w_out.shape[0], dtype=dtype),
        x.new_empty(n, trees, dtype=torch.int32),
        x.new_empty(n, trees, dtype=torch.float32),
    )


def _backward(
    grad: Tensor,
    x: Tensor,
    leaf: Tensor,
    w_in: Tensor,
    b_in: Tensor,
    w_out: Tensor,
    trees: int,
    activation: str,
) -> tuple[Tensor, ...]:
    return Neurons(w_in, b_in, w_out, trees, activation).backward(grad, x, leaf)


def _backward_fake(
    grad: Tensor,
    x: Tensor,
    leaf: Tensor,
    w_in: Tensor,
    b_in: Tensor,
    w_out: Tensor,
    trees: int,
    activation: str,
) -> tuple[Tensor, ...]:
    return tuple(torch.empty_like(tensor) for tensor in (x, w_in, b_in, w_out))


def _keep_for_backward(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]  # torch's
    x, w_in, b_in, w_out, trees, activation, _ = inputs
    _, leaf, margin = output
    ctx.mark_non_differentiable(leaf, margin)
    ctx.save_for_backward(x, leaf, w_in, b_in, w_out)
    ctx.trees, ctx.activation = trees, activation


def _differentiate(ctx, grad, *others):  # type: ignore[no-untyped-def]
    return (
        *torch.ops.fff.beta_descent_backward(grad, *ctx.saved_tensors, ctx.trees, ctx.activation),
        None,
        None,
        None,
    )


def _refuse_second_derivative(ctx, *grads):  # type: ignore[no-untyped-def]
    # Without this torch would warn, and take the gradient to be constant.
    raise NotImplementedError("an FFF-beta has a first derivative alone")


# For every device: what runs there, `_resident` decides.
torch.library.impl("fff::beta_descent", "CompositeExplicitAutograd", _descend)
torch.library.impl("fff::beta_descent_backward", "CompositeExplicitAutograd", _backward)
torch.library.register_fake("fff::beta_descent", _descend_fake)
torch.library.register_fake("fff::beta_descent_backward", _backward_fake)
torch.library.register_autograd(
    "fff::beta_descent", _differentiate, setup_context=_keep_for_backward
)
torch.library.register_autograd("fff::beta_descent_backward", _refuse_second_derivative)
