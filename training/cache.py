"""
What training keeps between its runs: where an interrupted run was, and teachers.

Files lie in `$XDG_CACHE_HOME/fff-serve/training/`, by default below `~/.cache`, each named by the
SHA-256 of everything that decides its content: the code that trains and judges too, and the
versions of what it computes with. To delete them costs time and nothing else, and so does a folder
that cannot be written, or a user without a home.
"""

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

import evaluation
import fff
from model_store import manifest
from model_store.user_folders import user_folder
from networks import blocks

Tensors = dict[str, Tensor]
Facts = Mapping[str, object]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """
    One file of the cache.

    Attributes:
        path: Where it is, or would be; None where there is no place for it.
    """

    path: Path | None

    @classmethod
    def of(cls, what: str, facts: Facts) -> "Kept":
        """The file of `what`, a word, that these facts decide: all that JSON can say."""
        known = json.dumps({**facts, **_versions(), "code": _code_sha256()}, sort_keys=True)
        digest = hashlib.sha256(known.encode()).hexdigest()
        folder = _folder()
        return cls(folder and folder / f"{what}-{digest[:32]}.safetensors")

    def read(self) -> tuple[Tensors, dict[str, str]] | None:
        """Tensors and texts; None where there is no such file, or none that can be read."""
        if self.path is None:
            return None
        try:
            with safe_open(self.path, "pt") as file:
                return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
        except (OSError, SafetensorError):
            return None

    def write(self, tensors: Tensors, texts: dict[str, str]) -> None:
        """Write all or nothing; where it cannot be, training goes on and the log says so once."""
        if self.path is None:
            return
        beside = self.path.with_suffix(f".{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            save_file({name: t.contiguous() for name, t in tensors.items()}, beside, texts)
            beside.replace(self.path)
        except (OSError, SafetensorError) as exc:
            _warn_once(self.path.parent, str(exc))

    def forget(self) -> None:
        """Delete it, if it is there."""
        if self.path is not None:
            with suppress(OSError):
                self.path.unlink()


@cache
def _warn_once(folder: Path | str, why: str) -> None:
    log.warning(
        "%s cannot be written, so a run that is interrupted starts anew and teachers are trained "
        "each time: %s",
        folder,
        why,
    )


def _versions() -> dict[str, str]:
    """Of what computes; torch's own says how it was built too."""
    return {"torch": torch.__version__} | {name: version(name) for name in ("numpy", "numba")}


@cache
def _code_sha256() -> str:
    """Of the code that decides bits: another version's runs and teachers may have others."""
    digest = hashlib.sha256()
    for file in _code():
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _code() -> list[Path]:
    """What trains, and what judges; the report, which decides nothing, is left out."""
    judging = Path(evaluation.__file__).parent
    computing = Path(fff.__file__).parent, Path(blocks.__file__).parents[1]
    packages = (*computing, Path(__file__).parent, judging)
    files = sorted(chain.from_iterable(package.rglob("*.py") for package in packages))
    of_scaling = Path(manifest.__file__)
    return [file for file in files if judging / "report" not in file.parents] + [of_scaling]


def _folder() -> Path | None:
    try:
        return user_folder("XDG_CACHE_HOME", ".cache") / "fff-serve" / "training"
    except RuntimeError as exc:
        _warn_once("the user's cache folder", str(exc))
        return None
