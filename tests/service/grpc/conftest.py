"""A service with both ports, and the real gRPC client; a file says `SETTINGS` for its own."""

from collections.abc import AsyncIterator

import httpx
import pytest
import tritonclient.grpc.aio
from fastapi import FastAPI

from model_store.store import Store
from service.engine.engine import Engine
from tests.service.grpc import toys

Both = tuple[FastAPI, httpx.AsyncClient, tritonclient.grpc.aio.InferenceServerClient]


@pytest.fixture
async def both(toy_store: Store, request: pytest.FixtureRequest) -> AsyncIterator[Both]:
    settings = getattr(request.module, "SETTINGS", {})
    async with toys.running(store=toy_store.root, **settings) as started:
        yield started


@pytest.fixture
def engine(both: Both) -> Engine:
    engine: Engine = both[0].state.engine
    return engine


@pytest.fixture
def client(both: Both) -> tritonclient.grpc.aio.InferenceServerClient:
    return both[2]
