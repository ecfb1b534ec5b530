"""What is written to a layer is what computes next, packed once and never stale."""

import gc
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
import torch
from torch import Tensor

from fff import FFF, reference
from fff.operators import PACKED
from tests.fff.networks import rows, tree


def small() -> FFF:
    return FFF.from_weights(tree(6, 3, 2, 4, activation="gelu")).eval()


def answer(layer: FFF, x: Tensor) -> Tensor:
    with torch.no_grad():
        y: Tensor = layer(x)
        return y


def truth(layer: FFF, x: Tensor) -> Tensor:
    return reference.infer(x, layer.weights()).logits


def step(optimiser: Any, **how: bool) -> Callable[[FFF], None]:
    def write(layer: FFF) -> None:
        layer(rows(20, 6)).square().sum().backward()
        optimiser(layer.parameters(), lr=0.1, **how).step()

    return write


@torch.no_grad()
def scale(layer: FFF) -> None:
    layer.w2s.mul_(2)


@torch.inference_mode()
def scale_in_inference_mode(layer: FFF) -> None:
    layer.b2s.mul_(2)


def load(layer: FFF) -> None:
    state = layer.state_dict()
    layer.load_state_dict({name: t * 2 if name == "w1s" else t for name, t in state.items()})


def replace_memory(layer: FFF) -> None:
    """Twice: the first memory is free again, and its address may be taken."""
    for factor in (1, 2):
        layer.w1s.data = layer.w1s.data * factor


def write_uncounted(layer: FFF) -> None:
    layer.w1s.data.mul_(2)
    layer.repack()


def change_activation(layer: FFF) -> None:
    layer.activation = "tanh"


WRITES = {
    "adamw-fused": step(torch.optim.AdamW, fused=True),  # which torch does not count as a write
    "adamw-foreach": step(torch.optim.AdamW, foreach=True),
    "sgd": step(torch.optim.SGD, foreach=False),
    "in-place": scale,
    "in-place-inference": scale_in_inference_mode,
    "load-state-dict": load,
    "other-memory": replace_memory,
    "uncounted-then-repack": write_uncounted,
    "another-activation": change_activation,
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_what_is_written_is_what_computes(write: Callable[[FFF], None]) -> None:
    x, layer = rows(20, 6), small()
    before = answer(layer, x)

    write(layer)

    assert not torch.equal(answer(layer, x), before)
    torch.testing.assert_close(answer(layer, x), truth(layer, x))


def test_a_change_of_mode_notices_writes_that_nothing_counts() -> None:
    x, layer = rows(20, 6), small()
    answer(layer, x)

    layer.train()
    layer.w1s.data.mul_(2)
    layer.eval()

    torch.testing.assert_close(answer(layer, x), truth(layer, x))


def test_a_layer_of_inference_mode_is_never_stale() -> None:
    x = rows(20, 6)
    with torch.inference_mode():
        layer = small()
        layer(x)
        layer.w1s.mul_(2)

        torch.testing.assert_close(layer(x), truth(layer, x))


def test_a_layer_is_packed_once_and_forgotten_with_its_parameters() -> None:
    gc.collect()
    before, layer = len(PACKED), small()
    for _ in range(3):
        answer(layer, rows(20, 6))
    assert len(PACKED) == before + 1

    del layer
    gc.collect()

    assert len(PACKED) == before


def test_threads_share_a_layer() -> None:
    x, layer = rows(500, 6), small()
    answers: list[Tensor] = []
    threads = [Thread(target=lambda: answers.append(answer(layer, x))) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 8
    assert all(torch.equal(one, answers[0]) for one in answers)
