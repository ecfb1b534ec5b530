"""On which card, by which software and in which state of both something was measured."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from bench.gpu.journal import Fields

_STATE = "clocks.sm,clocks.mem,power.draw,temperature.gpu"
_CARD = "name,memory.total,driver_version,compute_mode,mig.mode.current,power.limit,clocks.max.sm"
_PACKAGES = ("torch", "triton", "numpy", "transformers")


def machine() -> Fields:
    """Card, driver, versions and commit; what cannot be found says why."""
    return {
        "card": _smi(_CARD),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "commit": _commit(),
        **{name: _version(name) for name in _PACKAGES},
        **_cuda(),
    }


def state() -> str:
    """Clocks, power draw and temperature, as `nvidia-smi` says them."""
    return _smi(_STATE)


def _cuda() -> Fields:
    try:
        import torch

        if not torch.cuda.is_available():
            return {"cuda": torch.version.cuda}
        found = torch.cuda.get_device_properties(torch.cuda.current_device())
        return {
            "gpu": found.name,
            "cuda": torch.version.cuda,
            "multiprocessors": found.multi_processor_count,
            "l2_bytes": found.L2_cache_size,
            "memory_bytes": found.total_memory,
        }
    except (ImportError, RuntimeError) as exc:
        return {"cuda": f"{type(exc).__name__}: {exc}"}


def _smi(query: str) -> str:
    return _output("nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader")


def _commit() -> str:
    # Where the repository did not travel, whoever sent the files wrote it down.
    written = os.environ.get("BENCH_COMMIT")
    return written or _output("git", "rev-parse", "--short", "HEAD")


def _output(*command: str) -> str:
    root = Path(__file__).parents[2]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, cwd=root)
    except (OSError, subprocess.TimeoutExpired) as exc:
        return f"{type(exc).__name__}: {command[0]}"
    return (done.stdout or done.stderr).strip()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
