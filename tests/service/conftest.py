from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from model_store.store import Store
from service.engine.engine import Engine
from tests.service import toys


@pytest.fixture
def toy_store(tmp_path: Path) -> Store:
    return toys.make_store(tmp_path / "store")


@pytest.fixture
async def toy(toy_store: Store) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    async with toys.running(store=toy_store.root) as (app, client):
        yield app, client


@pytest.fixture
def client(toy: tuple[FastAPI, httpx.AsyncClient]) -> httpx.AsyncClient:
    return toy[1]


@pytest.fixture
def engine(toy: tuple[FastAPI, httpx.AsyncClient]) -> Engine:
    engine: Engine = toy[0].state.engine
    return engine
