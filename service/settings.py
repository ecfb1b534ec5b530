"""
Every knob of the service: its unit in its name, its default, and what moving it does.

Sources, later wins: a TOML file (`--config`), environment `FFF_*`, flags. A name that is not listed
here, or a value that does not fit, stops start-up with the setting's name and where it was given.
An empty value counts as not given, except where empty is a value: it turns off what is off by
default (`otlp_endpoint`, `root_path`, lists). Variables that Kubernetes makes for a Service named
`fff` or `fff-…` are ignored.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from service.configuration.forms import (
    Addresses,
    HeaderSecret,
    HttpUrl,
    Origins,
    PathPrefix,
    tidy,
)
from service.configuration.messages import explain, named
from service.configuration.sources import (
    Given,
    SourceError,
    from_environment,
    from_flags,
    from_toml,
    merged,
    of_kubernetes,
)

SECRETS = {"admin_key", "ssl_keyfile_password"}
"""What these hold is shown in no message, and given by no flag."""


class SettingsError(ValueError):
    """A setting that is unknown or does not fit; the message names it."""


class Settings(BaseModel):
    """
    The settings of one service.

    Attributes:
        host: Address or name to listen on. The default keeps the service on this machine; `::` is
            every address, IPv6 and IPv4.
        port: TCP port; 0 lets the system choose one, which the log then names.
        grpc_port: TCP port of the gRPC form of the Open Inference Protocol, on the same host; 0
            lets the system choose. Off by default; needs the `grpc` extra.
        ops_port: TCP port, on the same host, of probes, `/metrics`, `/docs` and the page alone, in
            a thread of its own, which load on the other port does not block; 0 lets the system
            choose. Always plain HTTP. Off by default.
        uds: Path of a Unix socket to listen on instead of `port`.
        ssl_certfile: Certificate, with its chain, in PEM format: `port` then speaks HTTPS, TLS 1.2
            or later.
        ssl_keyfile: Its private key, where that is in another file.
        ssl_keyfile_password: Opens the key. Not a flag: `ps` shows flags to everyone.
        store: Folder of models, or the URL of a remote store, `s3://bucket/prefix` or
            `hf://org/repo/folder` (docs/object-stores.md; needs the `remote` extra), or
            `file:///folder`; None is the user's own, which begins with the demo models
            (docs/store.md).
        require_all_models: Whether one model that cannot be loaded keeps `/readyz` at 503. By
            default the others make the service ready, and the repository's index has the reason.
        device: `auto` takes CUDA where there is one; `cpu`, `cuda` or `cuda:N` by name are
            used or refused, never replaced.
        backend: Who computes an FFF. `auto` takes the compiled kernel on a CPU (`numba`) and the
            kernels for NVIDIA GPUs on CUDA (`triton`, extra `gpu`); `torch`, the portable one, runs
            on both, slower. A name is used or refused. It is of mixtures on a CPU too; what
            has no kernel of ours, dense networks for one, is computed by PyTorch.
        leaf_dtype: How the leaves of an FFF, or experts by `numba`, are kept. `bfloat16` halves
            what a row reads of a model larger than the processor's cache, for 8 bits of precision
            instead of 24; the routing stays float32, so leaves do not change.
        strict: Whether the dense parts of a network of blocks are computed example by example, so
            that an answer has the same bits in any batch: matrix products round by their shape.
            Slower under load. A single FFF layer is so on a CPU in any case.
        compute_threads: Threads inside one model's matrix products. 1 is best while several
            models or requests share the cores; raise it for one large model. More than there are
            cores is obeyed, with a warning in the log.
        max_connections: Most clients connected over HTTP at a time. At the limit the connection
            that has been idle the longest is closed for a new one; a few more are accepted for
            probes. None takes what the limit of open files (`ulimit -n`) leaves, at most 10,000.
        max_batch_rows: Most rows computed together, and most rows of one request. Higher
            raises throughput and the wait behind a full batch. Tokens of texts and images count.
        max_queue_rows: Rows that may wait per model; beyond it a request gets 429 at once.
        max_body_bytes: Largest request body; beyond it 413.
        max_inflight_body_bytes: Bytes of all request bodies together that have come and are not yet
            rows; beyond it 503. At least `max_body_bytes`. Bounds what clients that stop midway can
            take; what of them is parsed at one time, two bodies, comes on top.
        leaf_series_limit: Models with at most this many leaves a layer get one Prometheus
            series a leaf; larger ones the summaries alone.
        leaf_window_rows: Rows that leaf shares, dead leaves and drift look back over, and the
            shadow's agreement and speed-up.
        shadow_ratio: Share of an FFF's live batches that its baseline computes too, afterwards,
            in a process of the lowest priority, on the CPU; agreement, difference and, for an FFF
            on a CPU, speed-up become metrics. 0 is off. Costs the baselines' memory again and that
            of a process with torch.
        drain_delay_s: From the first stop signal until new requests are refused. Meanwhile
            readiness answers 503 and predictions are still served, so that a balancer can leave
            before it meets a refusal. Behind one, set somewhat more than it takes to notice: 5 for
            Kubernetes. 0 refuses at once, right where nothing watches readiness.
        shutdown_grace_s: From the first stop signal until the process has ended, the delay
            included. What is not answered by then is refused, what is still sending or reading is
            cut off. The default stays below the 30 s after which Kubernetes kills, and compose by
            our file.
        admin_key: Who loads and unloads models over the network sends it as `Authorization:
            Bearer KEY`; without one nobody can. Blanks around it, such as the newline of a secrets
            file, are no part of it. Not a flag: `ps` shows flags to everyone.
        log_level: How much to log; `debug` has a line a prediction.
        log_format: `text` for people, `json` for one object a line. Both carry request ids.
        otlp_endpoint: Base URL of an OpenTelemetry collector that takes OTLP over HTTP, such as
            `http://localhost:4318`; predictions are then traced. Off by default; needs the `otel`
            extra. OTEL_EXPORTER_OTLP_ENDPOINT is read too, with the lowest priority; empty is off.
            The other OTEL_* variables (service name, sampler, headers) are the SDK's own.
        root_path: Path prefix under which a reverse proxy offers the service, such as `/fff`, with
            which it names its own paths. Paths are answered with it and without it, so the proxy
            may strip it or pass it on.
        forwarded_allow_ips: Proxies, addresses or networks, whose `X-Forwarded-For` and
            `X-Forwarded-Proto` are believed; `*` is everybody. A list, in a variable with commas.
            None by default.
        cors_origins: Origins, such as `https://app.example.org`, whose pages may call the service
            from a browser; `*` is every one. A list, in a variable with commas. None by default.
            Without credentials: cookies are no use here, and the admin key is a header.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    grpc_port: int | None = Field(None, ge=0, le=65535)
    ops_port: int | None = Field(None, ge=0, le=65535)
    uds: Path | None = None
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    ssl_keyfile_password: SecretStr | None = None
    store: Path | str | None = None
    require_all_models: bool = False
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    backend: Literal["auto", "numba", "torch", "triton"] = "auto"
    leaf_dtype: Literal["float32", "bfloat16"] = "float32"
    strict: bool = False
    compute_threads: int = Field(1, ge=1)
    max_connections: int | None = Field(None, ge=1)
    max_batch_rows: int = Field(1024, ge=1)
    max_queue_rows: int = Field(16384, ge=1)
    max_body_bytes: int = Field(32 * 2**20, ge=1024)
    max_inflight_body_bytes: int = Field(256 * 2**20, ge=1024)
    leaf_series_limit: int = Field(64, ge=0)
    leaf_window_rows: int = Field(10_000, ge=100)
    shadow_ratio: float = Field(0.0, ge=0, le=1)
    drain_delay_s: float = Field(0.0, ge=0, allow_inf_nan=False)
    shutdown_grace_s: float = Field(25.0, ge=1, allow_inf_nan=False)
    admin_key: HeaderSecret | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    otlp_endpoint: HttpUrl = ""
    root_path: PathPrefix = ""
    forwarded_allow_ips: Addresses = ()
    cors_origins: Origins = ()

    _given: dict[str, Given] = PrivateAttr(default_factory=dict)
    _ignored: list[str] = PrivateAttr(default_factory=list)

    def named(self, name: str) -> str:
        """Name a setting in a message, and where it was given."""
        return named(name, self._given)

    @property
    def ignored(self) -> list[str]:
        """Variables that look like ours and are Kubernetes'."""
        return self._ignored

    @field_validator("*", mode="before")
    @classmethod
    def _tidy(cls, value: Any, info: ValidationInfo) -> Any:
        return tidy(value, cls.model_fields[str(info.field_name)].annotation)

    @model_validator(mode="after")
    def _a_key_has_a_certificate(self) -> Self:
        if self.ssl_certfile is None and (self.ssl_keyfile or self.ssl_keyfile_password):
            raise ValueError("ssl_keyfile and ssl_keyfile_password need ssl_certfile")
        return self

    @model_validator(mode="after")
    def _bounds_hold_what_they_bound(self) -> Self:
        for bound, part in _BOUNDS:
            most, size = getattr(self, bound), getattr(self, part)
            if most < size:
                raise ValueError(f"{bound} ({most}) must be at least {part} ({size})")
        return self


_BOUNDS = (
    ("max_queue_rows", "max_batch_rows"),
    ("max_inflight_body_bytes", "max_body_bytes"),
    ("shutdown_grace_s", "drain_delay_s"),
)
"""A setting, and another one of which at least one must fit."""


def load_settings(
    flags: Mapping[str, Any], config: Path | None = None, environ: Mapping[str, str] = os.environ
) -> Settings:
    """
    Read the settings from file, environment and flags.

    Args:
        flags: Given on the command line; None means not given.
        config: A TOML file of settings, or None.
        environ: Where `FFF_*` is looked up, and OTEL_EXPORTER_OTLP_ENDPOINT.

    Raises:
        SettingsError: Naming the setting that is unknown or does not fit, and its source.
    """
    endpoint = environ.get(_OTEL, "")
    standard = {"otlp_endpoint": Given(endpoint, _OTEL)} if endpoint else {}
    try:
        file = from_toml(config) if config else {}
    except SourceError as exc:
        raise SettingsError(str(exc)) from exc
    sources = [standard, file, from_environment(environ), from_flags(flags)]
    given = merged(sources, _SKIP_EMPTY)
    try:
        settings = Settings.model_validate({name: value for name, (value, _) in given.items()})
    except ValidationError as exc:
        known = sorted(Settings.model_fields)
        errors = [explain(dict(error), given, known, SECRETS) for error in exc.errors()]
        raise SettingsError("; ".join(errors)) from exc
    settings._given, settings._ignored = given, of_kubernetes(environ)
    return settings


_OTEL = "OTEL_EXPORTER_OTLP_ENDPOINT"
_SKIP_EMPTY = {
    name for name, field in Settings.model_fields.items() if field.default not in ("", ())
}
