"""The recipe of a field: what decides a run, apart from data and seed."""

from dataclasses import dataclass

from fff.names import ACTIVATION_NAMES
from training.field.splits import SPLITS
from training.overriding import Overridable

FAMILIES = ("fff", "dense", "multilayer", "fourier", "siren", "raster")
SOURCES = ("field", "terrain")
CHOICES: dict[str, tuple[str, ...]] = {
    "family": FAMILIES,
    "data": SOURCES,
    "splits": (*SPLITS,),
    "activation": ACTIVATION_NAMES,
}
RANGES: dict[str, tuple[float, float]] = {
    "depth": (0, 16),
    "least_depth": (0, 16),
    "leaf_width": (1, 64),
    "least_rows": (1, 1_000_000),
    "overlap": (0, 4),
    "overlap_weight": (0, 1),
    "ridge": (1e-6, 1000),
    "iterations": (1, 10_000),
    "patience": (1, 10_000),
    "validation_share": (0.01, 0.5),
    "test_share": (0.01, 0.5),
    "hidden_width": (1, 65_536),
    "hidden_layers": (1, 16),
    "fourier_features": (1, 4096),
    "fourier_scale": (1e-3, 1000),
    "frequency": (0.1, 1000),
    "epochs": (1, 100_000),
    "batch_rows": (1, 1_000_000),
    "learning_rate": (1e-8, 10),
    "rows": (100, 100_000_000),
}


@dataclass(frozen=True, slots=True)
class FieldRecipe(Overridable):
    """
    How to train an FFF on a field, or one of its rivals.

    Attributes:
        name: The recipe's own, as in `training.recipes`.
        family: `fff`; or by gradients on all rows, one hidden layer (`dense`), several
            (`multilayer`), several behind Fourier features (`fourier`, arXiv:2006.10739), or
            several of sines (`siren`, arXiv:2006.09661); or all cells of a raster as they are,
            those of the test too (`raster`).
        data: `terrain` (comes with matplotlib) or `field` (a file or a function).
        depth: `d`, levels of the tree; it has `2**d` leaves.
        least_depth: Depths from this one to `depth` are trained, and the one whose error on the
            held-out rows is least is kept. As much as `depth`, or more: that one alone.
        leaf_width: `l`, hidden neurons of a leaf.
        activation: Of the hidden neurons.
        splits: How a cell is cut in two (`training.field.splits`): `median`, of its rows along its
            longer side; `principal`, along the direction in which they vary most; `two_means`,
            halfway between two clusters of them; `error`, along its longer side with half of a
            plane's squared error on either side, so that cells are small where plane fits badly;
            `gain`, along the axis and at the place where values' squared error falls most.
        least_rows: A cell is cut where both parts keep so many rows; where data are thin the tree
            is less deep, and the nodes below have no boundary.
        overlap: A leaf learns from rows as far beyond its cell as this many times half the cell's
            side too: neighbours then agree about the border between them.
        overlap_weight: Of such a row beside the cell's own, at the border; it falls to 0.
        ridge: Weight of the squares of a leaf's parameters beside the sum of squared errors, both
            in units of the leaf's own deviation.
        iterations: Most steps of Levenberg's and Marquardt's method.
        patience: Leaves stop after so many steps that did not help on held-out rows.
        validation_share: Share of the training rows held out, 0 to 1: they say when to stop, and
            which depth to keep.
        test_share: Share of all rows held out for the test, where the data have no test part.
        hidden_width: Neurons of each hidden layer of a rival.
        hidden_layers: Of a rival, but `dense`, which has one.
        fourier_features: Frequencies drawn, of `fourier`.
        fourier_scale: Their standard deviation, in turns for each unit of an input.
        frequency: Factor in a sine's argument, of `siren`.
        epochs: Times that a rival sees every row, at a rate that rises, then falls to 0.
        batch_rows: Rows of one of its steps.
        learning_rate: The highest.
        rows: Rows drawn from a function; of no account for data that are there.
    """

    name: str
    family: str = "fff"
    data: str = "field"
    depth: int = 12
    least_depth: int = 16
    leaf_width: int = 8
    activation: str = "relu"
    splits: str = "median"
    least_rows: int = 2
    overlap: float = 0.3
    overlap_weight: float = 0.3
    ridge: float = 0.003
    iterations: int = 40
    patience: int = 10
    validation_share: float = 0.05
    test_share: float = 0.1
    hidden_width: int = 128
    hidden_layers: int = 3
    fourier_features: int = 64
    fourier_scale: float = 6.0
    frequency: float = 30.0
    epochs: int = 30
    batch_rows: int = 2048
    learning_rate: float = 5e-3
    rows: int = 200_000

    def __post_init__(self) -> None:
        self.check(RANGES, CHOICES)
