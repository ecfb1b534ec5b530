"""Examples of different lengths keep their answers, whatever padding and company a batch has."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fff.backends import build_backend as build_layer
from fff.decision import NO_BOUNDARY
from fff.inference_result import InferenceResult
from networks.backend import NetworkBackend
from networks.backends import build_backend
from networks.ragged import NO_TOKEN, bucketed, cost_of, parts_of
from networks.reference import turned
from networks.routed import NO_LEAF
from tests.networks import texts

TOLERANCE = 1e-4
"""Of the largest logit: sums of other shapes round otherwise, some 1e-6 each."""
LENGTHS = st.lists(st.integers(1, texts.LENGTH), min_size=1, max_size=12)
CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=["classes", "tokens"])
def backend(request):
    return build_backend(texts.network(request.param), CPU)


@pytest.fixture(scope="module")
def strict():
    return build_backend(texts.network("tokens"), CPU, strict=True)


def alone(backend: NetworkBackend, ids: Tensor) -> InferenceResult:
    """Each example without company and padding, put into the form of the batch."""
    n, t = ids.shape
    results = [backend.infer(row[row != NO_TOKEN][None]) for row in ids]
    leaf = torch.full((n, 1, t), NO_LEAF, dtype=torch.int32)
    margin = torch.full((n, 1, t), NO_BOUNDARY)
    width = results[0].logits.shape[-1]
    logits = torch.zeros((n, t, width) if results[0].logits.ndim == 3 else (n, width))
    for k, result in enumerate(results):
        length = result.leaf.shape[2]
        leaf[k, :, :length], margin[k, :, :length] = result.leaf[0], result.margin[0]
        if logits.ndim == 3:
            logits[k, :length] = result.logits[0]
        else:
            logits[k] = result.logits[0]
    return InferenceResult(logits, leaf, margin)


@settings(max_examples=25, deadline=None)
@given(LENGTHS, st.integers(0, 2**31))
def test_company_and_padding_change_no_answer_and_no_leaf_but_near_ties(backend, lengths, seed):
    ids = texts.random_ids(lengths, seed)

    expected, together = alone(backend, ids), backend.infer(ids)

    other, excused = turned(expected, together)
    assert not (other & ~excused).any()
    off = (expected.logits - together.logits)[~other].abs()
    assert not off.numel() or off.max() <= TOLERANCE * expected.logits.abs().max()
    assert torch.equal(expected.leaf == NO_LEAF, together.leaf == NO_LEAF)


@settings(max_examples=15, deadline=None)
@given(LENGTHS, st.integers(0, 2**31))
def test_where_it_is_strict_company_changes_no_bit(strict, lengths, seed):
    ids = texts.random_ids(lengths, seed)

    expected, together = alone(strict, ids), strict.infer(ids)

    assert torch.equal(expected.logits, together.logits)
    assert torch.equal(expected.leaf, together.leaf)
    assert torch.equal(expected.margin, together.margin)


def test_only_tokens_go_through_the_layers_that_route():
    ids, computed = texts.random_ids([3, 40, 17, 1]), []

    def counting(weights):
        layer = build_layer(weights, CPU)
        real = layer.infer

        def counted(x: Tensor) -> InferenceResult:
            computed.append(len(x))
            return real(x)

        layer.infer = counted  # type: ignore[method-assign]
        return layer

    leaf = NetworkBackend(texts.network("tokens"), CPU, counting).infer(ids).leaf

    assert sum(computed) == int((ids != NO_TOKEN).sum()) == int((leaf != NO_LEAF).sum())


@given(LENGTHS, st.sampled_from([8, 64, 4096]))
def test_every_example_is_in_one_part_of_its_bucket_and_parts_are_bounded(lengths, most):
    parts = parts_of(texts.random_ids(lengths), most, alone=False)

    assert sorted(torch.cat([part.examples for part in parts]).tolist()) == [*range(len(lengths))]
    for part in parts:
        own = np.array(lengths)[part.examples.numpy()]
        assert len({*bucketed(own)}) == 1
        assert part.ids.shape[1] == own.max()
        assert len(own) == 1 or len(own) * bucketed(own)[0] <= most


@given(st.integers(1, 1 << 20))
def test_a_bucket_holds_its_length_and_is_7_tokens_or_a_quarter_longer_at_most(length):
    (bound,) = bucketed(np.array([length]))

    assert length <= bound <= max(length + 7, 1.25 * length)


def test_examples_cost_as_many_tokens_as_their_buckets():
    assert cost_of(texts.random_ids([1, 8, 9, 40]).numpy()) == 8 + 8 + 16 + 40


@pytest.mark.parametrize("ids", [torch.full((2, 3), NO_TOKEN), torch.zeros(1, texts.LENGTH + 1)])
def test_what_are_no_ids_is_refused(backend, ids):
    with pytest.raises(ValueError, match="token"):
        backend.infer(ids)


def test_no_example_is_no_answer(backend):
    result = backend.infer(torch.zeros(0, 5, dtype=torch.int32))

    assert (len(result), result.leaf.shape) == (0, (0, 1, 5))
