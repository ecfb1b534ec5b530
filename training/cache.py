"""
What training keeps between its runs: where an interrupted run was, and teachers.

Files lie in `$XDG_CACHE_HOME/fff-serve/training/`, by default below `~/.cache`, each named by the
SHA-256 of everything that decides its content; to delete them costs time and nothing else.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from model_store.user_folders import user_folder

Tensors = dict[str, Tensor]
Facts = Mapping[str, object]


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
        known = json.dumps({**facts, "torch": torch.__version__}, sort_keys=True)
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
        """Write all or nothing."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(f".{os.getpid()}")
        save_file({name: t.contiguous() for name, t in tensors.items()}, beside, texts)
        beside.replace(self.path)

    def forget(self) -> None:
        """Delete it, if it is there."""
        self.path.unlink(missing_ok=True)


def _folder() -> Path:
    return user_folder("XDG_CACHE_HOME", ".cache") / "fff-serve" / "training"
