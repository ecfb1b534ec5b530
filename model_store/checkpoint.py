"""A version of a model in memory: what was loaded, or has just been published."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_store.files import Stamp
from model_store.manifest import Manifest

if TYPE_CHECKING:  # PyTorch takes longer to import than a store to list
    from networks.weights import AnyWeights


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """
    A loaded and checked version of a model.

    Attributes:
        name: The model's name in the store.
        version: The model's version, from 1.
        manifest: As published, with every field checked.
        weights: Not to be written to. A tree's tensors are read from the version's file where they
            are needed (`FileTensor`), so they are to be let go once a backend has them. Those just
            published are the publisher's own.
        largest: The largest absolute value of each tensor, by its name.
        stamp: Of the weights' file as it was read; None where it was just published.
        tokenizer: The bytes of its `tokenizer.json`, hashed; None where it has none.
        is_new: False where it was to be published and the newest version was the same already.
    """

    name: str
    version: int
    manifest: Manifest
    weights: "AnyWeights"
    largest: Mapping[str, float]
    stamp: Stamp | None = None
    tokenizer: bytes | None = None
    is_new: bool = True

    @property
    def kind(self) -> str:
        return self.manifest.kind

    @property
    def weight_bytes(self) -> int:
        """Bytes of every tensor."""
        from fff.weights import weight_bytes  # has been imported: there are weights

        return weight_bytes(self.weights)
