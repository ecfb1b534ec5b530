"""What may overflow float32, judged from sizes alone."""

import pytest
import torch

from fff import reference
from fff.activations import ACTIVATIONS
from fff.layers import FFF, Dense
from fff.overflow import may_overflow
from fff.weights import Weights

WIDTH, OUTPUTS = 5, 3


def networks(activation: str) -> list[Weights]:
    fff = FFF(WIDTH, OUTPUTS, 2, leaf_width=4, master_width=3, activation=activation)
    return [fff.weights(), Dense(WIDTH, OUTPUTS, 16, activation=activation).weights()]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_what_is_said_not_to_overflow_never_does_and_ordinary_rows_are(activation):
    torch.manual_seed(0)
    for weights in networks(activation):
        judged = []
        for exponent in (*range(0, 39, 2), 38.5):
            rows = torch.randn(20, WIDTH).clamp(-3, 3) * 10.0**exponent
            for row in rows:
                judged.append(may_overflow(row, weights))
                finite = reference.infer(row[None], weights).logits.isfinite().all()
                assert judged[-1] or finite

        assert not any(judged[:20])
        assert judged[-1]
