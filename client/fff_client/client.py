"""
The calls that users make, blocking.

The signatures stand here and in `async_client`, so that editors and type checkers show each
client's own; all that is the same beneath them stands once, in `calls` and `session`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy.typing as npt

from fff_client.results import Comparison, Prediction
from fff_client.rows import NamedRows
from fff_client.session import SyncSession
from fff_client.tokens import TokenRows


class Client(SyncSession):
    """
    A client whose calls block. One may be used by many threads, and by one process.

    Args:
        url: URL of the service, with a path if something before it adds one. Proxies named in
            the environment are not used.
        timeout_s: Seconds for a whole call: all its requests, retries and pauses.
        retries: How often a request is sent again at most, after 429 or 503, or when the
            connection failed before a response began. Never after any other response.
        max_rows: Most rows in one request; more are sent in several, one after the other, and
            concatenated. Where the service takes fewer, the client sends fewer.
        binary: False sends and requests JSON, which is slower and gives the same bits.
        headers: Sent with every request, for whatever stands before the service.
        connections: Most at a time; further calls wait for one.
        transport: Makes a transport of httpx, for certificates of your own or a proxy.
        clock: Seconds. This, `sleep`, which waits so many seconds, and `jitter`, which draws
            from 0 to 1, are for tests.

    Raises:
        ValueError: If the URL or an option is out of range.
    """

    def predict(
        self,
        model: str,
        x: npt.ArrayLike,
        *,
        outputs: Sequence[str] = ("logits",),
        version: int | None = None,
        pixels: bool | None = None,
        timeout_s: float | None = None,
    ) -> Prediction:
        """
        Compute the outputs of rows.

        Args:
            model: Name of the model.
            x: `[r, i]`, one row, `[i]`, or images, `[r, h, w]` or `[r, c, h, w]`: an array, lists,
                tensors of torch, a table of pandas. Floats are what the network itself takes, and
                travel as float32 or float16; uint8 are pixels, which the model scales.
            outputs: Any of `logits`, `probabilities`, `class`, `leaf`, `margin`; of a regression
                `logits`, its values, `leaf` and `margin`.
            version: Version of the model, or None for the one that is served.
            pixels: True takes whole numbers from 0 to 255 of any type as pixels, False any numbers
                as what the network itself takes. None goes by the type, as `x` says, and refuses
                what may be either.
            timeout_s: Seconds for this call, or None for the client's `timeout_s`.

        Raises:
            TypeError: If `x` are no numbers, or of a type that may be pixels or not.
            ValueError: If `x` has another shape or no rows, or floats that look like pixels.
            ServiceError: One of its subclasses; `fff_client.errors` lists them.
            RuntimeError: If the client is closed, or another process's.
        """
        return self._run(self._calls.predict(model, x, outputs, version, pixels, timeout_s))

    def predict_tokens(
        self,
        model: str,
        inputs: TokenRows,
        *,
        outputs: Sequence[str] = (),
        top_k: int | None = None,
        version: int | None = None,
        timeout_s: float | None = None,
    ) -> Prediction:
        """
        Compute texts, or rows of token ids, which may be of different lengths.

        Args:
            model: Name of a model that takes token ids.
            inputs: Lists or arrays of whole numbers, one a row; or texts, of a model with a
                tokenizer. One text, or one list of numbers, is one row.
            outputs: As of `predict`; the model's first where none is named: `logits`,
                `embedding` or `token_logits`.
            top_k: How many of the likeliest ids of each place that is to be filled in, 1 to 100:
                `top_ids` and `top_probabilities` where no outputs are named.
            version: Version of the model, or None for the one that is served.
            timeout_s: Seconds for this call, or None for the client's `timeout_s`.

        Returns:
            A prediction whose tensors are as long as the longest row, with leaf -1, margin of the
            largest float32, and else 0 or, of ids, -1 where a row has no token.

        Raises:
            TypeError: If `inputs` are neither texts nor rows of whole numbers.
            ValueError: If there are none, or an empty one.
            ServiceError: As `predict`.
            RuntimeError: If the client is closed, or another process's.
        """
        return self._run(
            self._calls.predict_tokens(model, inputs, outputs, top_k, version, timeout_s)
        )

    def predict_rows(
        self, model: str, rows: NamedRows, *, timeout_s: float | None = None
    ) -> Prediction:
        """
        Compute rows that name their values, for a model whose manifest names its inputs.

        Args:
            model: Name of the model.
            rows: A mapping of every input's name to its value for each row, or a DataFrame.
            timeout_s: Seconds for this call, or None for the client's `timeout_s`.

        Returns:
            A prediction with the outputs `logits` and `leaf`.

        Raises:
            TypeError: If `rows` are no mappings.
            ValueError: If there are none.
            ServiceError: As `predict`; `RequestRefused` names row and column.
            RuntimeError: If the client is closed, or another process's.
        """
        return self._run(self._calls.predict_rows(model, rows, timeout_s))

    def compare(
        self,
        model: str,
        x: npt.ArrayLike,
        labels: npt.ArrayLike | None = None,
        *,
        pixels: bool | None = None,
        timeout_s: float | None = None,
    ) -> Comparison:
        """
        Compute rows on a model and on its baseline; takes rows and raises as `predict` does.

        `labels`, `[r]`, are the true classes; with them both sides have an accuracy. A regression
        takes none. All rows are in one request, as both sides are timed on one batch:
        `RequestRefused` says how many one may hold.
        """
        return self._run(self._calls.compare(model, x, labels, pixels, timeout_s))

    def explain(
        self,
        model: str,
        x: npt.ArrayLike,
        *,
        layer: str | int | None = None,
        tokens: Iterable[int] | None = None,
        pixels: bool | None = None,
        timeout_s: float | None = None,
    ) -> dict[str, Any]:
        """
        Compute rows and the path of each through the tree; takes rows and raises as `predict`.

        Of a network of blocks each row has `layers`, and each of them its `tokens` with a path
        each; `layer`, a name or number, and `tokens`, their numbers, choose some of them. The
        service's `/docs` describe the fields.
        """
        return self._run(self._calls.explain(model, x, layer, tokens, pixels, timeout_s))

    def models(self) -> list[dict[str, Any]]:
        """Describe every served model, with its backend and the reason for that backend."""
        return self._run(self._calls.models())

    def model(self, name: str) -> dict[str, Any]:
        """Describe one model: task, names and units of inputs and targets, classes, manifest."""
        return self._run(self._calls.model(name))

    def leaves(self, name: str) -> dict[str, Any]:
        """Count the rows that each leaf computed, layer by layer, and how far that has drifted."""
        return self._run(self._calls.leaves(name))

    def ready(self) -> bool:
        """Whether the service would compute rows now; False too if it cannot be reached."""
        return self._run(self._calls.ready())

    def wait_until_ready(self, timeout_s: float = 60.0) -> None:
        """
        Wait for a service that is starting, `timeout_s` seconds at most.

        Raises:
            ServiceError: The last one before the time ended.
        """
        self._run(self._calls.wait_until_ready(timeout_s))
