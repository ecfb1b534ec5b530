"""
Every knob of the service: its unit in its name, its default, and what moving it does.

Sources, later wins: environment `FFF_*`, a TOML file (`--config`), flags. A name that is not
listed here, or a value that does not fit, stops start-up with the setting's name.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

PREFIX = "FFF_"
_SECRET = {"admin_key"}
"""What these hold is shown in no message."""


class SettingsError(ValueError):
    """A setting that is unknown or does not fit; the message names it."""


class Settings(BaseModel):
    """
    The settings of one service.

    Attributes:
        host: Address to listen on. The default keeps the service on this machine.
        port: TCP port; 0 lets the system choose one, which the log then names.
        grpc_port: TCP port of the gRPC form of the Open Inference Protocol, on the same host; 0
            lets the system choose. Off by default; needs the `grpc` extra.
        store: Folder of models; None serves the demo pair that comes with the package.
        device: `auto` takes CUDA where there is one; `cpu`, `cuda` or `cuda:N` by name are
            used or refused, never replaced.
        backend: Who computes an FFF. `auto` takes the compiled kernel on a CPU (`numba`) and the
            kernels for NVIDIA GPUs on CUDA (`triton`, extra `gpu`); `torch`, the portable one, runs
            on both, slower. A name is used or refused. A dense network is computed by PyTorch.
        leaf_dtype: How the leaves of an FFF are kept. `bfloat16` halves what a row reads of a
            model larger than the processor's cache, for 8 bits of precision instead of 24; the
            routing stays float32, so leaves do not change.
        max_batch_rows: Most rows computed together, and most rows of one request. Higher
            raises throughput under load and the wait of whoever comes behind a full batch.
        max_queue_rows: Rows that may wait per model; beyond it a request gets 429 at once.
        max_body_bytes: Largest request body; beyond it 413.
        max_inflight_body_bytes: Bytes of all request bodies together that have come and are not yet
            rows; beyond it 503. At least `max_body_bytes`. Bounds what clients that stop midway can
            take; what of them is parsed at one time, two bodies, comes on top.
        compute_threads: Threads inside one model's matrix products. 1 is best while several
            models or requests share the cores; raise it for one large model.
        leaf_series_limit: Models with at most this many leaves a layer get one Prometheus
            series a leaf; larger ones the summaries alone.
        leaf_window_rows: Rows that leaf shares, dead leaves and drift look back over, and the
            shadow's agreement and speed-up.
        shadow_ratio: Share of an FFF's live batches that its dense twin computes too, afterwards,
            in a process of the lowest priority, on the CPU; agreement, difference and, for an FFF
            on a CPU, speed-up become metrics. 0 is off. Costs the twins' memory again and that of a
            process with torch.
        admin_key: Who loads and unloads models over the network sends it as `Authorization:
            Bearer KEY`; without one nobody can. Not a flag: `ps` shows flags to everyone.
        log_level: How much to log; `debug` has a line a prediction.
        log_format: `text` for people, `json` for one object a line. Both carry request ids.
        otlp_endpoint: Base URL of an OpenTelemetry collector that takes OTLP over HTTP, such as
            `http://localhost:4318`; predictions are then traced. Off by default; needs the `otel`
            extra. OTEL_EXPORTER_OTLP_ENDPOINT is read too, with the lowest priority; empty is off.
            The other OTEL_* variables (service name, sampler, headers) are the SDK's own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    grpc_port: int | None = Field(None, ge=0, le=65535)
    store: Path | None = None
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    backend: Literal["auto", "numba", "torch", "triton"] = "auto"
    leaf_dtype: Literal["float32", "bfloat16"] = "float32"
    max_batch_rows: int = Field(1024, ge=1)
    max_queue_rows: int = Field(16384, ge=1)
    max_body_bytes: int = Field(32 * 2**20, ge=1024)
    max_inflight_body_bytes: int = Field(256 * 2**20, ge=1024)
    compute_threads: int = Field(1, ge=1)
    leaf_series_limit: int = Field(64, ge=0)
    leaf_window_rows: int = Field(10_000, ge=100)
    shadow_ratio: float = Field(0.0, ge=0, le=1)
    admin_key: SecretStr | None = Field(None, min_length=1)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    otlp_endpoint: str = Field("", pattern=r"^(https?://\S+)?$")

    @model_validator(mode="after")
    def _a_full_request_fits_the_queue(self) -> Self:
        if self.max_queue_rows < self.max_batch_rows:
            raise ValueError(
                f"max_queue_rows ({self.max_queue_rows}) must be at least "
                f"max_batch_rows ({self.max_batch_rows})"
            )
        return self

    @model_validator(mode="after")
    def _the_largest_body_fits(self) -> Self:
        if self.max_inflight_body_bytes < self.max_body_bytes:
            raise ValueError(
                f"max_inflight_body_bytes ({self.max_inflight_body_bytes}) must be at least "
                f"max_body_bytes ({self.max_body_bytes})"
            )
        return self


def load_settings(
    flags: Mapping[str, Any], config: Path | None = None, environ: Mapping[str, str] = os.environ
) -> Settings:
    """
    Read the settings from environment, file and flags.

    Args:
        flags: Given on the command line; None means not given.
        config: A TOML file of settings, or None.
        environ: Where `FFF_*` is looked up, and OTEL_EXPORTER_OTLP_ENDPOINT.

    Raises:
        SettingsError: Naming the setting that is unknown or does not fit.
    """
    values: dict[str, Any] = {"otlp_endpoint": environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")}
    values |= {
        key.removeprefix(PREFIX).lower(): value
        for key, value in environ.items()
        if key.startswith(PREFIX)
    }
    values |= _read_toml(config) if config else {}
    values |= {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings.model_validate(values)
    except ValidationError as exc:
        raise SettingsError("; ".join(_explain(dict(error)) for error in exc.errors())) from exc


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as exc:
        raise SettingsError(f"settings file {path}: {exc.strerror}") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise SettingsError(f"settings file {path} is not TOML: {exc}") from exc


def _explain(error: dict[str, Any]) -> str:
    if not error["loc"]:
        return str(error["msg"])
    name = str(error["loc"][0])
    named = f"setting {name} ({PREFIX}{name.upper()})"
    if error["type"] == "extra_forbidden":
        return f"{named} is unknown; known: {', '.join(sorted(Settings.model_fields))}"
    got = "" if name in _SECRET else f", got {error['input']!r}"
    return f"{named}: {error['msg']}{got}"
