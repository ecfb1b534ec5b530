"""
What an image costs: the whole network as it is served, and its feedforward layers alone.

One thread, all sides in turn within every round, medians (`bench.timing`). Feedforward layers are
given the tokens that they are given in the network, of other images in every call.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from bench.timing import TimedCall, warm_call_s
from evaluation.dataset import Dataset
from fff.backends import build_backend as build_layer
from fff.layers import FFF, Dense
from model_store.store import Checkpoint
from networks.backends import build_backend
from networks.weights import NetworkWeights

CPU = torch.device("cpu")
BATCHES = (1, 64)
_LAP = 8  # calls that see other images


@dataclass(frozen=True, slots=True)
class Times:
    """
    Milliseconds of an image, for each of `BATCHES`.

    Attributes:
        whole: Of the network.
        feed_forward: Of its feedforward layers alone, one after the other.
    """

    whole: dict[int, float]
    feed_forward: dict[int, float]


def times(models: Mapping[str, Checkpoint], test: Dataset, budget_s: float) -> dict[str, Times]:
    """
    Time networks side by side.

    Args:
        models: By name.
        test: Images to give them.
        budget_s: Seconds for all of them, at each batch size and each of both parts.

    Returns:
        By the same names.
    """
    found = {name: Times({}, {}) for name in models}
    torch.set_num_threads(1)
    with threadpool_limits(1), torch.inference_mode():
        for batch in BATCHES:
            whole, layers = {}, {}
            for name, model in models.items():
                assert isinstance(model.weights, NetworkWeights), "it has blocks. This is a bug."
                assert model.manifest.uint8 is not None, "it was trained on images. This is a bug."
                x = torch.from_numpy(model.manifest.uint8.decode(test.images[: batch * _LAP]))
                whole[name] = _in_turn(
                    build_backend(model.weights, CPU).infer, torch.split(x, batch)
                )
                layers[name] = _layers(model.weights, torch.split(x, batch))
            for name, seconds in warm_call_s(whole, budget_s).items():
                found[name].whole[batch] = seconds / batch * 1e3
            for name, seconds in warm_call_s(layers, budget_s).items():
                found[name].feed_forward[batch] = seconds / batch * 1e3
    return found


def _in_turn(call: Callable[[Tensor], object], given: tuple[Tensor, ...]) -> TimedCall:
    turn = 0

    def once() -> object:
        nonlocal turn
        turn += 1
        return call(given[turn % len(given)])

    return TimedCall(once, len(given))


def _layers(weights: NetworkWeights, images: tuple[Tensor, ...]) -> TimedCall:
    """All feedforward layers, each on its own tokens, `[n * t, i]`."""
    modules = [m for m in weights.modules.modules() if isinstance(m, FFF | Dense)]
    given: list[list[Tensor]] = [[] for _ in modules]

    def keep(number: int) -> Callable[[nn.Module, tuple[Tensor], Tensor], None]:
        return lambda module, x, y: given[number].append(x[0].flatten(0, -2).clone())

    hooks = [module.register_forward_hook(keep(n)) for n, module in enumerate(modules)]
    for batch in images:
        weights.modules(batch.view(-1, *weights.input_shape))
    for hook in hooks:
        hook.remove()
    calls = [
        build_layer(module.weights(), CPU).infer if isinstance(module, FFF) else module
        for module in modules
    ]
    turn = 0

    def once() -> None:
        nonlocal turn
        turn += 1
        for call, tokens in zip(calls, given, strict=True):
            call(tokens[turn % len(tokens)])

    return TimedCall(once, len(images))
