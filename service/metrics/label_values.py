"""The values that metric labels take: each has its series at 0 before it first occurs."""

from typing import Literal, get_args

STATUS_CODES = (200, 400, 413, 429, 499, 500, 503, 504)
"""Of predictions whose model was found; `service.errors` has the table."""

REJECTIONS = ("overloaded", "deadline", "disconnect", "too_large", "draining", "invalid")

CloseReason = Literal["idle", "full", "delay", "deadline", "drain"]
"""Why a batch left the queue. `delay` and `deadline` are for batchers that wait, as ours is not."""

CLOSE_REASONS: tuple[CloseReason, ...] = get_args(CloseReason)
