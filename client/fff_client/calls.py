"""
The calls of a client, each as the steps that a session does.

Covered:      what is asked, in which requests, and what of their responses is returned.
Not covered:  deadlines and retries (`sending`), the bytes of a request (`wire`).
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy.typing as npt

from fff_client.deadline import Deadline
from fff_client.errors import RequestRefused
from fff_client.messages import Request
from fff_client.results import Comparison, Prediction
from fff_client.rows import (
    NamedRows,
    Rows,
    labels_of,
    look_like_pixels,
    named_rows_of,
    rows_of,
)
from fff_client.sending import TOO_LARGE, Sending, error_in, is_ok
from fff_client.steps import Pause, Send, Steps
from fff_client.tokens import TokenRows, joined, token_rows_of, tokens_request
from fff_client.wire import (
    compare_request,
    explain_request,
    infer_request,
    model_path,
    named,
    read_comparison,
    read_object,
    read_pixel_scale,
    read_plain_prediction,
    read_prediction,
    rows_request,
)

POLL_S = 0.1  # a start takes seconds
READY = Request("GET", "/readyz")


class Calls(Sending):
    """The calls of one client; `Client` describes them."""

    __slots__ = ()

    def predict(
        self,
        model: str,
        x: npt.ArrayLike,
        outputs: Sequence[str],
        version: int | None,
        pixels: bool | None,
        timeout_s: float | None,
    ) -> Steps[Prediction]:
        """Send the rows in as many requests as they need, all to the version of the first."""
        deadline = self._deadline(timeout_s)
        names = (outputs,) if isinstance(outputs, str) else tuple(outputs)
        rows = yield from self._rows(model, x, pixels, deadline)

        def part_of(part: Rows, before: Sequence[Prediction]) -> Steps[Prediction]:
            pinned = before[0].version if before else version
            request = partial(infer_request, model, pinned, part, names, self.binary)
            return read_prediction((yield from self._retried(request, deadline)))

        return Prediction.joined((yield from self._in_parts(("infer", model), rows, part_of)))

    def predict_tokens(
        self,
        model: str,
        inputs: TokenRows,
        outputs: Sequence[str],
        top_k: int | None,
        version: int | None,
        timeout_s: float | None,
    ) -> Steps[Prediction]:
        """Send texts or token ids, likewise; always as JSON's texts, or as bytes of ids."""
        deadline = self._deadline(timeout_s)
        names = (outputs,) if isinstance(outputs, str) else tuple(outputs)
        rows = token_rows_of(inputs)

        def part_of(part: list[Any], before: Sequence[Prediction]) -> Steps[Prediction]:
            pinned = before[0].version if before else version
            request = partial(tokens_request, model, pinned, part, names, top_k, self.binary)
            return read_prediction((yield from self._retried(request, deadline)))

        return joined((yield from self._in_parts(("tokens", named(model)), rows, part_of)))

    def compare(
        self,
        model: str,
        x: npt.ArrayLike,
        labels: npt.ArrayLike | None,
        pixels: bool | None,
        timeout_s: float | None,
    ) -> Steps[Comparison]:
        """Send all rows in one request: both sides are timed on one batch."""
        deadline = self._deadline(timeout_s)
        rows = yield from self._rows(model, x, pixels, deadline)
        request = compare_request(model, rows, None if labels is None else labels_of(labels))
        try:
            return read_comparison((yield from self._retried(lambda left_us: request, deadline)))
        except RequestRefused as exc:
            if exc.status != TOO_LARGE:
                raise
            why = "both networks are timed on one batch: pass fewer rows, as x[:n]"
            raise RequestRefused(f"{exc}; {why}", exc.status, None, exc.request_id) from None

    def explain(
        self,
        model: str,
        x: npt.ArrayLike,
        layer: str | int | None,
        tokens: Iterable[int] | None,
        pixels: bool | None,
        timeout_s: float | None,
    ) -> Steps[dict[str, Any]]:
        """
        Send the rows in as many requests as they need.

        This path takes no version. If the model was replaced meanwhile, all are sent again.
        """
        deadline = self._deadline(timeout_s)
        rows = yield from self._rows(model, x, pixels, deadline)
        asked = {"layer": layer, "tokens": None if tokens is None else [*map(int, tokens)]}
        choice: dict[str, Any] = {key: value for key, value in asked.items() if value is not None}
        parts = yield from self._of_one_version(
            (f"explain {choice}", model),
            rows,
            partial(explain_request, model, choice),
            read_object,
            lambda part: part.get("version"),
            deadline,
        )
        whole = parts[0] | {"rows": [row for part in parts for row in part["rows"]]}
        if "differing" in whole:
            whole["differing"] = sum(part["differing"] for part in parts)
        return whole

    def predict_rows(
        self, model: str, rows: NamedRows, timeout_s: float | None
    ) -> Steps[Prediction]:
        """Send rows by name, likewise."""
        parts = yield from self._of_one_version(
            ("rows", model),
            named_rows_of(rows),
            partial(rows_request, model),
            read_plain_prediction,
            lambda part: part.version,
            self._deadline(timeout_s),
        )
        return Prediction.joined(parts)

    def models(self) -> Steps[list[dict[str, Any]]]:
        listing = yield from self._get("/v1/models")
        models: list[dict[str, Any]] = listing["models"]
        return models

    def model(self, name: str) -> Steps[dict[str, Any]]:
        return self._get(model_path("v1", name))

    def leaves(self, name: str) -> Steps[dict[str, Any]]:
        return self._get(model_path("v1", name) + "/leaves")

    def ready(self) -> Steps[bool]:
        """Send one request; a service that is not there is not ready either."""
        return is_ok((yield Send(READY, self._deadline().at_s)))

    def wait_until_ready(self, timeout_s: float) -> Steps[None]:
        """Send until it is, whatever `retries` says; raises the last error at the deadline."""
        deadline_s = self._deadline(timeout_s).at_s
        while not is_ok(outcome := (yield Send(READY, deadline_s))):
            error = error_in(outcome)
            if not error.worth_retrying or self.clock() + POLL_S >= deadline_s:
                raise error
            yield Pause(POLL_S)

    def _rows(
        self, model: str, x: npt.ArrayLike, pixels: bool | None, deadline: Deadline
    ) -> Steps[Rows]:
        """
        Take what a caller has.

        Floats that look like pixels are refused for models that scale pixels, as the service
        does in JSON; of which models that is so, only the service knows.
        """
        named(model)
        rows = rows_of(x, pixels)
        if pixels is None and look_like_pixels(rows):
            request = Request("GET", model_path("v2", model))
            described = yield from self._retried(lambda left_us: request, deadline)
            scale = read_pixel_scale(read_object(described))
            if scale is not None and scale < 1:
                raise ValueError(
                    f"x looks like pixels, whole numbers from 0 to {rows.max():.0f}: pass "
                    "pixels=True if they are, or pixels=False if they are what the network itself "
                    "takes"
                )
        return rows
