"""
The process in which dense twins compute what the shadow samples, at the lowest priority.

A process and not a thread: a thread of low priority that is preempted while it holds the
interpreter lock keeps the event loop waiting for as long as others are busy, 70 to 98 ms as
measured (docs/decisions/0011-shadow.md). It ends when the other side hangs up, however that ended.

Twins compute on the CPU, wherever the FFF does: a second process on a GPU would take turns with the
live one in slices of milliseconds, and has no priority to be lower than.

Covered:      loading the twins that are served, from the store; computing; comparing.
Not covered:  which rows and when (`sampler`), starting and ending this process (`link`), the
              messages (`messages`).
"""

import contextlib
import socket
import time

import numpy as np
import torch

from fff.agreement import AgreementRule
from fff.backends import Backend
from fff.errors import BackendUnavailable
from model_store.errors import StoreError
from model_store.store import Store
from networks.backends import build_backend
from service.shadow.messages import (
    ComputeRequest,
    ComputeResult,
    ComputeSettings,
    Twin,
    decode_request,
    decode_settings,
    encode,
    frame,
    receive_frame,
)
from service.shadow.stats import BatchComparison, compare_batch

_FAILURES = (StoreError, OSError, BackendUnavailable, RuntimeError, ValueError, MemoryError)


def main(descriptor: int) -> None:
    """Answer requests on a socket, given as its file descriptor, until the service hangs up."""
    hung_up = contextlib.suppress(EOFError, ConnectionError)
    with hung_up, socket.socket(fileno=descriptor) as parent, parent.makefile("rb") as stream:
        twins = Twins(decode_settings(receive_frame(stream)))
        while True:
            request = decode_request(receive_frame(stream))
            rows, logits = receive_frame(stream), receive_frame(stream)
            parent.sendall(b"".join(frame(encode(twins.compute(request, rows, logits)))))


class Twins:
    """
    The twins in this process's memory.

    Args:
        settings: Store, backend, leaf type, threads and `strict` to compute with.
    """

    def __init__(self, settings: ComputeSettings):
        self._settings = settings
        self._backends: dict[Twin, Backend] = {}
        torch.set_num_threads(settings.threads)
        self._counted_s = time.process_time()

    def compute(self, request: ComputeRequest, rows: bytes, logits: bytes) -> ComputeResult:
        """Have a twin compute raw float32 rows, and compare with the FFF's raw float32 logits."""
        twin = request.twin
        for unloaded in self._backends.keys() - request.keep:
            del self._backends[unloaded]
        try:
            if twin not in self._backends:
                self._backends[twin] = self._load(twin)
                self._counted_s = time.process_time()
            x = _matrix(rows, twin.input_width)
            served = _matrix(logits, twin.output_width)
            comparison = _compare(self._backends[twin], x, served, request.rule)
        except _FAILURES as exc:
            return ComputeResult(None, f"{type(exc).__name__}: {exc}", 0.0)
        counted_s, self._counted_s = self._counted_s, time.process_time()
        return ComputeResult(comparison, "", self._counted_s - counted_s)

    def _load(self, twin: Twin) -> Backend:
        settings = self._settings
        checkpoint = Store(settings.store).load(twin.name, twin.version)
        if checkpoint.manifest.sha256 != twin.sha256:
            raise ValueError(f"the store's {twin.name!r} is no longer the one that is served")
        return build_backend(
            checkpoint.weights,
            torch.device("cpu"),
            settings.backend,
            settings.threads,
            settings.leaf_dtype,
            strict=settings.strict,
        )


def _compare(
    backend: Backend, x: torch.Tensor, fff_logits: torch.Tensor, rule: AgreementRule
) -> BatchComparison:
    # Once for the logits and once for the clock: live batches find their weights and code in the
    # caches, this process sleeps between two samples and finds what others have left there.
    dense_logits = backend.infer(x).logits.numpy()
    start_ns = time.thread_time_ns()
    backend.infer(x)
    dense_ns = time.thread_time_ns() - start_ns
    return compare_batch(fff_logits.numpy(), dense_logits, dense_ns, rule)


def _matrix(raw: bytes, width: int) -> torch.Tensor:
    # A copy: torch takes no memory that may not be written to.
    return torch.from_numpy(np.frombuffer(raw, np.float32).reshape(-1, width).copy())
