"""
What training keeps between its runs: where an interrupted run was, and teachers.

Files lie in `$XDG_CACHE_HOME/fff-serve/training/`, by default below `~/.cache`, each named by the
SHA-256 of everything that decides its content, the code that trains too; to delete them costs
time and nothing else, and so does a folder that cannot be written.
"""

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

import fff
from model_store.user_folders import user_folder

Tensors = dict[str, Tensor]
Facts = Mapping[str, object]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """
    One file of the cache.

    Attributes:
        path: Where it is, or would be.
    """

    path: Path

    @classmethod
    def of(cls, what: str, facts: Facts) -> "Kept":
        """The file of `what`, a word, that these facts decide: all that JSON can say."""
        versions = {"torch": torch.__version__, "code": _code_sha256()}
        known = json.dumps({**facts, **versions}, sort_keys=True)
        digest = hashlib.sha256(known.encode()).hexdigest()
        return cls(_folder() / f"{what}-{digest[:32]}.safetensors")

    def read(self) -> tuple[Tensors, dict[str, str]] | None:
        """Tensors and texts; None where there is no such file, or none that can be read."""
        try:
            with safe_open(self.path, "pt") as file:
                return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
        except (OSError, SafetensorError):
            return None

    def write(self, tensors: Tensors, texts: dict[str, str]) -> None:
        """Write all or nothing; where it cannot be, training goes on and the log says so once."""
        beside = self.path.with_suffix(f".{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            save_file({name: t.contiguous() for name, t in tensors.items()}, beside, texts)
            beside.replace(self.path)
        except (OSError, SafetensorError) as exc:
            _warn_once(self.path.parent, str(exc))

    def forget(self) -> None:
        """Delete it, if it is there."""
        with suppress(OSError):
            self.path.unlink()


@cache
def _warn_once(folder: Path, why: str) -> None:
    log.warning(
        "%s cannot be written, so a run that is interrupted starts anew and teachers are trained "
        "each time: %s",
        folder,
        why,
    )


@cache
def _code_sha256() -> str:
    """Of the code that trains: another version's runs and teachers may have other bits."""
    digest = hashlib.sha256()
    for package in (Path(fff.__file__).parent, Path(__file__).parent):
        for file in sorted(package.glob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _folder() -> Path:
    return user_folder("XDG_CACHE_HOME", ".cache") / "fff-serve" / "training"
