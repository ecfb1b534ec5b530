"""The calls that users make, to be awaited; `client` describes them."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy.typing as npt

from fff_client.results import Comparison, Prediction
from fff_client.rows import NamedRows
from fff_client.session import AsyncSession
from fff_client.tokens import TokenRows


class AsyncClient(AsyncSession):
    """
    `Client` with calls to be awaited, any number at a time, all in one event loop of asyncio.

    Arguments and methods are those of `Client`; `transport` makes an asynchronous transport of
    httpx, and `sleep` is awaited.
    """

    async def predict(
        self,
        model: str,
        x: npt.ArrayLike,
        *,
        outputs: Sequence[str] = ("logits",),
        version: int | None = None,
        pixels: bool | None = None,
        timeout_s: float | None = None,
    ) -> Prediction:
        return await self._run(self._calls.predict(model, x, outputs, version, pixels, timeout_s))

    async def predict_tokens(
        self,
        model: str,
        inputs: TokenRows,
        *,
        outputs: Sequence[str] = (),
        top_k: int | None = None,
        version: int | None = None,
        timeout_s: float | None = None,
    ) -> Prediction:
        return await self._run(
            self._calls.predict_tokens(model, inputs, outputs, top_k, version, timeout_s)
        )

    async def predict_rows(
        self, model: str, rows: NamedRows, *, timeout_s: float | None = None
    ) -> Prediction:
        return await self._run(self._calls.predict_rows(model, rows, timeout_s))

    async def compare(
        self,
        model: str,
        x: npt.ArrayLike,
        labels: npt.ArrayLike | None = None,
        *,
        pixels: bool | None = None,
        timeout_s: float | None = None,
    ) -> Comparison:
        return await self._run(self._calls.compare(model, x, labels, pixels, timeout_s))

    async def explain(
        self,
        model: str,
        x: npt.ArrayLike,
        *,
        layer: str | int | None = None,
        tokens: Iterable[int] | None = None,
        pixels: bool | None = None,
        timeout_s: float | None = None,
    ) -> dict[str, Any]:
        return await self._run(self._calls.explain(model, x, layer, tokens, pixels, timeout_s))

    async def models(self) -> list[dict[str, Any]]:
        return await self._run(self._calls.models())

    async def model(self, name: str) -> dict[str, Any]:
        return await self._run(self._calls.model(name))

    async def leaves(self, name: str) -> dict[str, Any]:
        return await self._run(self._calls.leaves(name))

    async def ready(self) -> bool:
        return await self._run(self._calls.ready())

    async def wait_until_ready(self, timeout_s: float = 60.0) -> None:
        await self._run(self._calls.wait_until_ready(timeout_s))
