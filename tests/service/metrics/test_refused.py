"""What is refused is counted as refused alone."""

import asyncio
from itertools import product

import numpy as np
import pytest
from prometheus_client.exposition import generate_latest

from service.engine.engine import Engine
from service.errors import InvalidInput
from service.job import Answer
from tests.service import toys

GOOD = np.random.default_rng(1).normal(size=(5, toys.WIDTH)).astype(np.float32)
REFUSED = {"NaN": np.nan, "infinity": -np.inf, "more than float32 can hold": 3.4e38}
ONLY_OF_REFUSALS = ("fff_requests", "fff_rejected", "fff_request_duration")
NOT_COUNTS = ("process_", "python_", "fff_queue_oldest_age", "_seconds_bucket", "_seconds_sum")


def bad_rows(value: float, rows: int) -> np.ndarray:
    """Rows of which the last alone is refused; all of a request are, for one."""
    bad = np.zeros((rows, toys.WIDTH), np.float32)
    bad[-1] = value
    return bad


def shown(engine: Engine) -> set[str]:
    """Every line of a scrape but those of time and of what a refusal may move."""
    lines = generate_latest(engine.metrics.registry).decode().splitlines()
    names = {line: line.partition("{")[0] for line in lines}
    return {
        line
        for line, name in names.items()
        if not name.startswith((*ONLY_OF_REFUSALS, *NOT_COUNTS)) and not name.endswith(NOT_COUNTS)
    }


async def outcomes(engine: Engine, *requests: np.ndarray) -> list[type]:
    model = engine.model("toy")
    futures = [engine.submit(model, rows) for rows in requests]
    return [type(out) for out in await asyncio.gather(*futures, return_exceptions=True)]


@pytest.mark.parametrize("inline_rows", [0, 1024], ids=["thread", "loop"])
@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
async def test_rows_that_are_refused_move_no_figure(engine, client, value, inline_rows):
    engine.model("toy").worker.inline_rows = inline_rows
    await outcomes(engine, GOOD)
    before, leaves = shown(engine), (await client.get("/v1/models/toy/leaves")).json()

    assert await outcomes(engine, bad_rows(value, 1000)) == [InvalidInput]
    await outcomes(engine, *[bad_rows(value, 10)] * 5)

    assert shown(engine) == before
    assert (await client.get("/v1/models/toy/leaves")).json() == leaves
    (stats,) = (await client.get("/v2/models/toy/stats")).json()["model_stats"]
    assert (stats["inference_count"], stats["execution_count"]) == (5, 1)


@pytest.mark.parametrize("inline_rows", [0, 1024], ids=["thread", "loop"])
async def test_of_a_mixed_batch_the_answered_rows_are_counted_as_if_they_had_come_alone(
    toy_store, inline_rows
):
    seen = []
    for others in (
        [],
        [bad_rows(value, rows) for value, rows in product(REFUSED.values(), (1, 9))],
    ):
        async with toys.running(store=toy_store.root) as (app, _):
            engine = app.state.engine
            engine.model("toy").worker.inline_rows = inline_rows
            await outcomes(engine, GOOD[:1])  # alone; whoever follows in its turn shares a batch
            got = await outcomes(engine, GOOD[:1], *others, GOOD[1:3], GOOD[3:])
            assert [got[0], *got[-2:]] == [Answer] * 3
            assert {*got[1:-2]} <= {InvalidInput}
            seen.append(shown(engine))

    assert seen[0] == seen[1]
