"""The recipe of a table: what decides a run, apart from data and seed."""

from dataclasses import dataclass

from fff.names import ACTIVATION_NAMES
from training.field.splits import SPLITS
from training.overriding import Overridable

FAMILIES = ("fff", "dense", "low_rank", "multilayer")
CHOICES: dict[str, tuple[str, ...]] = {
    "family": FAMILIES,
    "data": ("table",),
    "splits": (*SPLITS,),
    "activation": ACTIVATION_NAMES,
}
RANGES: dict[str, tuple[float, float]] = {
    "depth": (0, 12),
    "least_depth": (0, 12),
    "leaf_width": (1, 1024),
    "master_width": (0, 65_536),
    "least_rows": (1, 1_000_000),
    "hidden_width": (1, 65_536),
    "hidden_layers": (1, 16),
    "rank": (1, 4096),
    "epochs": (1, 100_000),
    "batch_rows": (1, 1_000_000),
    "learning_rate": (1e-8, 10),
    "weight_decay": (0, 1),
    "dropout": (0, 0.9),
    "validation_share": (0.01, 0.5),
}


@dataclass(frozen=True, slots=True)
class TableRecipe(Overridable):
    """
    How to train an FFF on a table's rows, or one of its rivals.

    Attributes:
        name: The recipe's own, as in `training.recipes`.
        family: `fff`; or one hidden layer (`dense`), the same with an up projection of two thin
            matrices (`low_rank`), or several hidden layers (`multilayer`).
        data: `table`: a CSV or Parquet file, or a folder of two.
        depth: `d`, levels of the tree; it has `2**d` leaves.
        least_depth: Depths from this one to `depth` are trained, and the one whose loss on the
            held-out rows is least is kept. As much as `depth`, or more: that one alone.
        leaf_width: `l`, hidden neurons of a leaf.
        master_width: `m`, hidden neurons of the master leaf, which computes every row; 0 for none.
        activation: Of the hidden neurons.
        splits: How a cell is cut in two (`training.field.splits`): `gain`, along the axis and at
            the place where values' squared error, or classes' impurity, falls most; the others do
            not look at what is predicted, or at how well a plane does.
        least_rows: A cell is cut where both parts keep so many rows.
        hidden_width: Neurons of each hidden layer of a rival.
        hidden_layers: Of `multilayer`.
        rank: `r`, of the up projection of low rank.
        epochs: Times that every row is seen, at a rate that rises, then falls to 0; of all, the
            one with the least loss on the held-out rows is kept.
        batch_rows: Rows of a step.
        learning_rate: The highest.
        weight_decay: As AdamW defines it.
        dropout: Of hidden neurons in training, in every family.
        validation_share: Share of the training rows held out, 0 to 1: they say which epoch and
            which depth to keep, and how sure of a class to be.
    """

    name: str
    family: str = "fff"
    data: str = "table"
    depth: int = 4
    least_depth: int = 12
    leaf_width: int = 16
    master_width: int = 32
    activation: str = "gelu"
    splits: str = "gain"
    least_rows: int = 400
    hidden_width: int = 128
    hidden_layers: int = 3
    rank: int = 16
    epochs: int = 30
    batch_rows: int = 256
    learning_rate: float = 1e-2
    weight_decay: float = 0.01
    dropout: float = 0.0
    validation_share: float = 0.1

    def __post_init__(self) -> None:
        self.check(RANGES, CHOICES)

    @property
    def training_width(self) -> int:
        """Hidden neurons that an FFF trains: `2**d * l + m`."""
        return int(2**self.depth) * self.leaf_width + self.master_width

    @property
    def inference_width(self) -> int:
        """Hidden neurons that compute a row of an FFF: `l + m`."""
        return self.leaf_width + self.master_width
