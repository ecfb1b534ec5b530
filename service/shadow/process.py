"""
The process in which dense twins compute what the shadow samples, at the lowest priority.

A process and not a thread: a thread of low priority that is preempted while it holds the
interpreter lock keeps the event loop waiting for as long as others are busy, 70 to 98 ms as
measured (docs/decisions/0011-shadow.md). It ends when the other side hangs up, however that ended.

Covered:      loading the twins that are served, from the store; computing; comparing.
Not covered:  which rows and when (`shadow`), starting and ending this process (`shadow_link`),
              what is said (`shadow_messages`).
"""

import contextlib
import socket
import time

import numpy as np
import torch

from fff.backends import Backend, BackendUnavailable, build_backend
from model_store.errors import StoreError
from model_store.store import Store
from service.shadow.messages import (
    Answered,
    Asked,
    Conditions,
    Twin,
    asked_of,
    conditions_of,
    framed,
    packed,
    receive_frame,
)
from service.shadow.stats import Compared, Logits, compared

_FAILURES = (StoreError, OSError, BackendUnavailable, RuntimeError, ValueError, MemoryError)


def main(descriptor: int) -> None:
    """Answer on a socket, given as its file descriptor, until the other side hangs up."""
    hung_up = contextlib.suppress(EOFError, ConnectionError)
    with hung_up, socket.socket(fileno=descriptor) as parent, parent.makefile("rb") as stream:
        twins = Twins(conditions_of(receive_frame(stream)))
        while True:
            asked = asked_of(receive_frame(stream))
            rows, logits = receive_frame(stream), receive_frame(stream)
            parent.sendall(b"".join(framed(packed(twins.answer(asked, rows, logits)))))


class Twins:
    """
    The twins in this process's memory.

    Args:
        conditions: Of live batches.
    """

    def __init__(self, conditions: Conditions):
        self._conditions = conditions
        self._backends: dict[Twin, Backend] = {}
        torch.set_num_threads(conditions.threads)
        self._counted_s = time.process_time()

    def answer(self, asked: Asked, rows: bytes, logits: bytes) -> Answered:
        """Have a twin compute float32 rows, and compare with the logits."""
        twin = asked.twin
        for gone in self._backends.keys() - asked.keep:
            del self._backends[gone]
        try:
            if twin not in self._backends:
                self._backends[twin] = self._load(twin)
                self._counted_s = time.process_time()
            x, ours = _matrix(rows, twin.input_width), _matrix(logits, twin.output_width)
            found = _compare(self._backends[twin], x, ours)
        except _FAILURES as exc:
            return Answered(None, f"{type(exc).__name__}: {exc}", 0.0)
        counted_s, self._counted_s = self._counted_s, time.process_time()
        return Answered(found, "", self._counted_s - counted_s)

    def _load(self, twin: Twin) -> Backend:
        store, backend, leaf_dtype, threads = self._conditions
        checkpoint = Store(store).load(twin.name, twin.version)
        if checkpoint.manifest.sha256 != twin.sha256:
            raise ValueError(f"the store's {twin.name!r} is no longer the one that is served")
        device = torch.device(twin.device)
        return build_backend(checkpoint.weights, device, backend, threads, leaf_dtype)


def _compare(backend: Backend, x: torch.Tensor, ours: torch.Tensor) -> Compared:
    # Once for the answer and once for the clock: live batches find their weights and code in the
    # caches, this process sleeps between two samples and finds what others have left there.
    theirs: Logits = backend.infer(x).logits.numpy()
    begun_ns = time.thread_time_ns()
    backend.infer(x)
    dense_ns = time.thread_time_ns() - begun_ns
    return compared(ours.numpy(), theirs, dense_ns)


def _matrix(raw: bytes, width: int) -> torch.Tensor:
    # A copy: torch takes no memory that may not be written to.
    return torch.from_numpy(np.frombuffer(raw, np.float32).reshape(-1, width).copy())
