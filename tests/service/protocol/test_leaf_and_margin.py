"""The outputs `leaf` and `margin` are the reference's, for models of every kind, in every form."""

from dataclasses import replace
from functools import partial

import httpx
import numpy as np
import pytest
import torch
from fff_client import AsyncClient

from fff import reference
from fff.decision import NO_BOUNDARY
from fff.weights import FFFWeights
from model_store.store import DEMO_STORE, Store
from tests.fff.networks import rows, tree
from tests.service import toys

NETWORKS = {
    "odd-widths": tree(123, 3, 5, 11, 3),
    "one-input": tree(1, 4, 1, 1),
    "deep": tree(5, 12, 1, 2),
    "one-leaf": tree(8, 0, 4, 3),
    "tie-left": tree(6, 3, 2, 3, tie="gt"),
}
for _tie in ("ge", "gt"):  # every row is on every boundary that there is: the root's alone
    _bare = replace(tree(6, 3, 2, 3), tie=_tie)
    _bare.node_weight[1:] = 0
    _bare.node_bias.zero_()
    NETWORKS[f"on-the-boundary-{_tie}"] = _bare


@pytest.fixture(params=["numba", "torch"])
async def client(tmp_path, request):
    store = Store(tmp_path)
    for name, network in NETWORKS.items():
        store.publish(name, network, origin=toys.ORIGIN)
    async with toys.running(store=tmp_path, backend=request.param) as (app, _):
        yield partial(AsyncClient, transport=partial(httpx.ASGITransport, app))


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
async def test_leaf_and_margin_are_the_references(client, binary):
    async with client(binary=binary) as asking:
        for name, network in NETWORKS.items():
            x = rows(50, network.input_width)
            if name.startswith("on-the-boundary"):
                x.zero_()
            true = reference.infer(x, network)

            got = await asking.predict(name, x.numpy(), outputs=["leaf", "margin"])

            np.testing.assert_array_equal(got.leaves, true.leaf, err_msg=name)
            np.testing.assert_allclose(got.margins, true.margin, 1e-4, 1e-6, err_msg=name)


async def test_ties_go_where_the_models_rule_says_and_have_no_margin(client):
    async with client() as asking:
        for name, leaf in (("on-the-boundary-ge", 7), ("on-the-boundary-gt", 0)):
            got = await asking.predict(name, np.zeros(6, np.float32), outputs=["leaf", "margin"])
            assert (got.leaves.item(), got.margins.item()) == (leaf, 0)


async def test_a_row_that_nothing_bounds_has_the_largest_margin(client):
    async with client() as asking:
        got = await asking.predict("one-leaf", np.zeros(8, np.float32), outputs="margin")
        assert got.margins.item() == np.float32(NO_BOUNDARY)


async def test_the_demo_model_is_routed_as_the_reference_routes_it():
    weights = Store(DEMO_STORE).load("digits").weights
    assert isinstance(weights, FFFWeights)
    x = rows(500, weights.input_width)
    async with toys.running() as (app, _):
        asking = AsyncClient(transport=partial(httpx.ASGITransport, app))
        got = await asking.predict("digits", x.numpy(), outputs=["leaf", "margin"])
        await asking.close()

    leaf, margin = reference.route(x, weights)
    assert torch.equal(torch.from_numpy(got.leaves[:, 0]).long(), leaf)
    np.testing.assert_allclose(got.margins[:, 0], margin, 1e-4, 1e-6)
