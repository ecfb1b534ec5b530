"""A service with both ports, in this process or as one of its own, and the real gRPC client."""

import asyncio
import contextlib
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeAlias, cast

import httpx
import numpy as np
import tritonclient.grpc
import tritonclient.grpc.aio
from fastapi import FastAPI
from tritonclient.grpc import service_pb2, service_pb2_grpc

from fff.backends import Backend
from service.engine.served_model import ServedModel
from tests.service import toys

ROWS = np.random.default_rng(0).normal(size=(40, toys.WIDTH)).astype(np.float32)
LABELS = {"model": "toy", "version": "1", "kind": "fff"}
Client: TypeAlias = tritonclient.grpc.aio.InferenceServerClient


@contextlib.asynccontextmanager
async def running(**settings: object) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient, Client]]:
    """The application in this process, and a client of each port."""
    async with toys.running(grpc_port=0, **settings) as (app, http):
        address = f"127.0.0.1:{app.state.grpc_server.port}"
        async with Client(address) as grpc:
            yield app, http, grpc


@contextlib.contextmanager
def live(*arguments: str, **environment: str) -> Iterator[tuple[toys.LiveService, str]]:
    """A service as a process of its own, and its gRPC address."""
    with toys.live("--grpc-port", "0", *arguments, **environment) as service:
        (line,) = [line for line in service.log if "gRPC listens on" in line]
        yield service, re.sub(r".*listens on ", "", line)


def service_stub(channel):
    """The client's own calls on a channel with options of ours."""
    return service_pb2_grpc.GRPCInferenceServiceStub(channel)


def tensor(rows: np.ndarray, datatype: str = "FP32", name: str = "input"):
    """What the client sends rows in."""
    made = tritonclient.grpc.InferInput(name, list(rows.shape), datatype)
    made.set_data_from_numpy(rows)
    return made


def wanted(*names: str) -> list[tritonclient.grpc.InferRequestedOutput]:
    return [tritonclient.grpc.InferRequestedOutput(name) for name in names]


def message(model: str, datatype: str, rows: np.ndarray, *outputs: str):
    """A request as its message, without data, for what the client's own methods cannot say."""
    request = service_pb2.ModelInferRequest(model_name=model)
    request.inputs.add(name="input", datatype=datatype, shape=rows.shape)
    for name in outputs:
        request.outputs.add(name=name)
    return request


class Held:
    """A backend that computes when it is let go."""

    rechecked_rows = 0

    def __init__(self, model: ServedModel):
        self._backend = model.worker.backend
        self.go = threading.Event()
        # a batch asks its backend for nothing else
        model.worker.backend, model.worker.inline_rows = cast(Backend, self), 0

    def infer(self, rows):
        assert self.go.wait(30)
        return self._backend.infer(rows)


async def until(true: Callable[[], object]) -> None:
    """Turn the loop until something is so."""
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0)


def counted(engine, name, **labels):
    """The value of a series."""
    return engine.metrics.registry.get_sample_value(name, labels)


def requests(engine, code):
    return counted(engine, "fff_requests_total", code=str(code), **LABELS)


def rejected(engine, reason):
    return counted(engine, "fff_rejected_total", model="toy", reason=reason)
