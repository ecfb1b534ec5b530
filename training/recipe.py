"""
A recipe: everything that decides what a training run gives, apart from data and seed.

A recipe is written whole into the manifest of what it trained, so that a checkpoint says how
to repeat itself. Its fields are checked when it is made; an override is one more recipe.

Covered:      the fields, their ranges, overrides by name.
Not covered:  the recipes that have a name (`training.recipes`).
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Self

from fff.names import ACTIVATION_NAMES
from training.errors import RecipeError

if TYPE_CHECKING:
    from model_store.manifest import Uint8Scaling

OPTIMISERS = ("adamw", "sgd")
SOURCES = ("digits", "idx")

# Inclusive. A depth of 12 already mixes 4096 leaves for every row of every batch.
RANGES: dict[str, tuple[float, float]] = {
    "depth": (0, 12),
    "leaf_width": (1, 4096),
    "master_width": (0, 4096),
    "hardening": (0, 1000),
    "hardening_ramp_epochs": (0, 100_000),
    "load_balance": (0, 1000),
    "region_leak": (0, 0.5),  # beyond a half, left and right swap roles
    "leaf_dropout": (0, 0.9),
    "learning_rate": (1e-8, 10),
    "weight_decay": (0, 1),
    "batch_rows": (1, 1_000_000),
    "epochs": (1, 100_000),
    "patience": (1, 100_000),
    "validation_share": (0.01, 0.5),
    "uint8_scale": (-1e6, 1e6),
    "uint8_shift": (-1e6, 1e6),
}
CHOICES: dict[str, tuple[str, ...]] = {
    "activation": ACTIVATION_NAMES,
    "optimiser": OPTIMISERS,
    "data": SOURCES,
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """
    How to train an FFF, and its dense twin with the same budget.

    Attributes:
        name: The recipe's own, as in `training.recipes`.
        data: `digits` (comes with scikit-learn) or `idx` (a folder with MNIST's file names).
        depth: `d`, levels of the tree; it has `2**d` leaves.
        leaf_width: `l`, hidden neurons of a leaf.
        master_width: `m`, hidden neurons of the master leaf; 0 for none. The twin is
            `2**d * l + m` wide.
        activation: Of the leaves.
        hardening: `h`, weight of the decisions' entropy in the loss.
        hardening_ramp_epochs: The weight rises linearly from 0 to `h` over these epochs; 0 to
            have it in full from the start.
        load_balance: `alpha`, weight of the load balance in the loss.
        region_leak: Probability that a node's children swap, per row, in training.
        leaf_dropout: Dropout on hidden activations in training, of FFF and twin alike.
        optimiser: `adamw` or `sgd` (plain, without momentum).
        learning_rate: The optimiser's step size, the same in every epoch.
        weight_decay: As the optimiser defines it.
        batch_rows: Rows of one optimiser step.
        epochs: Most epochs trained.
        patience: Stop after this many epochs without a better validation accuracy; counted
            from the end of the ramp at the earliest.
        validation_share: Share of the training rows held out to choose the epoch by, 0 to 1.
        uint8_scale: A raw pixel becomes `pixel * uint8_scale + uint8_shift`.
        uint8_shift: In units of the network's input.
    """

    name: str
    data: str
    depth: int
    leaf_width: int
    master_width: int = 0
    activation: str = "relu"
    hardening: float = 3.0
    hardening_ramp_epochs: int = 0
    load_balance: float = 0.0
    region_leak: float = 0.0
    leaf_dropout: float = 0.0
    optimiser: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    batch_rows: int = 256
    epochs: int = 100
    patience: int = 20
    validation_share: float = 0.1
    uint8_scale: float = 1 / 255
    uint8_shift: float = 0.0

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:  # NaN is in no range
                raise RecipeError(f"{name} must be {low:g} to {high:g}, got {value:g}")
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise RecipeError(
                    f"{name} must be one of {', '.join(known)}; got {getattr(self, name)!r}"
                )
        if self.uint8_scale == 0:
            raise RecipeError("uint8_scale must not be 0: every image would be the same")

    @property
    def training_width(self) -> int:
        """Hidden neurons that training can use, and the twin's width: `2**d * l + m`."""
        return int(2**self.depth) * self.leaf_width + self.master_width

    @property
    def scaling(self) -> "Uint8Scaling":
        from model_store.manifest import Uint8Scaling  # with it comes PyTorch

        return Uint8Scaling(scale=self.uint8_scale, shift=self.uint8_shift)

    def hardening_at(self, epoch: int) -> float:
        """Weight of the hardening loss in an epoch, counted from 1."""
        if epoch >= self.hardening_ramp_epochs:
            return self.hardening
        return self.hardening * epoch / self.hardening_ramp_epochs

    def fields(self) -> dict[str, str | int | float | bool]:
        """Name and value of every field, for a manifest."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def override(self, values: Mapping[str, str | int | float]) -> Self:
        """
        Change fields by name; text is read as the field's type.

        Raises:
            RecipeError: If a field is unknown or a value cannot be one.
        """
        types = {field.name: field.type for field in fields(self) if field.name != "name"}
        for name in values:
            if name not in types:
                raise RecipeError(
                    f"a recipe has no field {name!r}; it has: {', '.join(sorted(types))}"
                )
        changed = {name: _read(name, types[name], value) for name, value in values.items()}
        return replace(self, **changed)


def _read(name: str, kind: Any, value: str | int | float) -> Any:
    accepted = {str: (str,), int: (str, int), float: (str, int, float)}[kind]
    if isinstance(value, accepted) and not isinstance(value, bool):
        with suppress(ValueError):
            return kind(value)
    raise RecipeError(f"{name} must be {kind.__name__}, got {value!r}")
