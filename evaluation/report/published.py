"""
What papers and their authors' files say of the same shapes, and our points beside it.

Best of several runs in both sources: of ten in Table 1 of arXiv:2308.14711 (v2), chosen on
validation rows by its text; of five or ten, chosen on the test rows, in the published checkpoints
of eFFF (arXiv:2405.16836, `best/` of AndreasCharalamp/fastfeedforward-experiments, 1a87c30), where
the accuracy is in each file's name. Ours is the mean of the seeds: a best is higher than a mean.

Covered:      MNIST and FashionMNIST; FFF with and without a master leaf, and dense.
Not covered:  USPS, CIFAR10, speed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evaluation.data_names import data_set_named
from evaluation.report.contenders import DENSE
from evaluation.report.points import Point, Spread

TABLE_1 = "arXiv:2308.14711, table 1"
EFFF = "eFFF, load balanced"
EFFF_MASTER = "eFFF, load balanced, master leaf"
MASTER_WIDTH = 8  # hard-coded in the eFFF code

Row = Mapping[int, tuple[float, float]]
"""By training width: accuracy on the training and the test rows, in percent."""

# By data set, then leaf width; 0 is the dense network of the training width.
_TABLE_1: dict[str, dict[int, Row]] = {
    "MNIST": {
        0: {16: (98.0, 95.2), 32: (100.0, 96.6), 64: (100.0, 97.7), 128: (100.0, 98.1)},
        8: {16: (94.6, 93.1), 32: (96.5, 93.9), 64: (97.7, 94.2), 128: (99.3, 94.9)},
        4: {16: (91.6, 90.8), 32: (96.2, 93.1), 64: (96.7, 93.3), 128: (97.6, 93.6)},
        2: {16: (92.1, 90.3), 32: (94.0, 91.4), 64: (95.2, 92.1), 128: (96.2, 92.4)},
        1: {16: (91.7, 89.9), 32: (94.4, 92.0), 64: (94.5, 91.4), 128: (94.1, 92.0)},
    },
    "FashionMNIST": {
        0: {16: (91.0, 86.4), 32: (94.8, 87.8), 64: (98.5, 89.0), 128: (99.3, 89.6)},
        8: {
            16: (86.7, 84.2), 32: (87.8, 85.2), 64: (88.8, 85.2), 128: (90.5, 86.1),
            512: (97.1, 88.1),
        },
        4: {16: (86.4, 83.3), 32: (86.6, 84.5), 64: (89.1, 85.1), 128: (89.0, 85.4)},
        2: {16: (84.5, 83.0), 32: (85.4, 82.9), 64: (87.2, 84.1), 128: (87.3, 84.3)},
        1: {16: (79.7, 78.4), 32: (79.4, 77.8), 64: (79.9, 79.5), 128: (78.7, 77.7)},
    },
}  # fmt: skip

# By (leaf width, depth): accuracy on the test rows, in percent. FashionMNIST's (16, 3) is left
# out: its log shows a run without load balance that used 2 of 8 leaves.
_EFFF: dict[str, dict[str, dict[tuple[int, int], float]]] = {
    "MNIST": {
        EFFF: {(1, 4): 89.0, (2, 3): 91.0, (4, 2): 91.39, (8, 1): 93.46},
        EFFF_MASTER: {
            (1, 4): 93.8, (2, 3): 94.1, (4, 2): 94.7, (8, 1): 94.8,
            (1, 7): 91.6, (2, 6): 93.7, (4, 5): 95.0, (8, 4): 95.1,
        },
    },
    "FashionMNIST": {
        EFFF: {
            (1, 4): 80.3, (2, 3): 84.63, (4, 2): 85.79, (8, 1): 86.09,
            (1, 7): 79.9, (2, 6): 84.8, (4, 5): 85.8, (8, 4): 86.69,
            (32, 2): 88.06, (64, 1): 88.84,
        },
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Published:
    """
    One published accuracy.

    Attributes:
        source: Where it stands.
        data: `MNIST` or `FashionMNIST`.
        leaf_width: `l`; 0 for a dense network.
        depth: `d`; 0 for a dense network.
        master_width: `m`; 0 for none.
        width: Training width, `2**d * l`; of a dense network its hidden width.
        accuracy: On the test rows, hard, 0 to 1; the best of several runs.
        training_accuracy: On the training rows, likewise; None where it was not published.
    """

    source: str
    data: str
    leaf_width: int
    depth: int
    master_width: int
    width: int
    accuracy: float
    training_accuracy: float | None


@dataclass(frozen=True, slots=True)
class Beside:
    """
    A published accuracy, and ours at the same shape.

    Attributes:
        published: Theirs.
        family: Of our point.
        recipe: Of our point.
        label: Its shape in short.
        accuracy: Ours, on the test rows, hard, 0 to 1.
        training_accuracy: Ours on the training rows; None where the manifests have none.
        difference_points: Our mean less theirs, in points of 100.
    """

    published: Published
    family: str
    recipe: str
    label: str
    accuracy: Spread
    training_accuracy: Spread | None
    difference_points: float


def published() -> list[Published]:
    """All of them."""
    return [*_table_1(), *_efff()]


def beside_published(points: Sequence[Point], data: str) -> list[Beside]:
    """
    Put points beside what was published of their shapes.

    Args:
        points: Of one data set. Those that were not trained here are not ours, and left out.
        data: Its name; `evaluation.data_names` knows the spellings. Of others than MNIST
            and FashionMNIST nothing is told here.
    """
    known = data_set_named(data)
    theirs = [each for each in published() if each.data == known]
    ours = [point for point in points if point.is_trained_here]
    return [_beside(each, p) for each in theirs for p in ours if _same_shape(each, p)]


def _table_1() -> Iterator[Published]:
    for data, by_leaf in _TABLE_1.items():
        for leaf_width, row in by_leaf.items():
            for width, (training, test) in row.items():
                depth = (width // leaf_width).bit_length() - 1 if leaf_width else 0
                accuracies = (round(test / 100, 4), round(training / 100, 4))
                yield Published(TABLE_1, data, leaf_width, depth, 0, width, *accuracies)


def _efff() -> Iterator[Published]:
    for data, by_source in _EFFF.items():
        for source, by_shape in by_source.items():
            master = MASTER_WIDTH if source == EFFF_MASTER else 0
            for (leaf, depth), test in by_shape.items():
                shape = (leaf, depth, master, leaf * 2**depth)
                yield Published(source, data, *shape, round(test / 100, 4), None)


def _same_shape(theirs: Published, point: Point) -> bool:
    shape = point.shape
    if theirs.leaf_width == 0:
        return point.family == DENSE and shape.get("hidden_width") == theirs.width
    asked = (theirs.leaf_width, theirs.depth, theirs.master_width)
    of_ours = (shape.get("leaf_width"), shape.get("depth"), shape.get("master_width"))
    return point.is_fff and of_ours == asked


def _beside(theirs: Published, point: Point) -> Beside:
    return Beside(
        published=theirs,
        family=point.family,
        recipe=point.recipe,
        label=point.label,
        accuracy=point.quality,
        training_accuracy=point.figures["training_accuracy"],
        difference_points=100 * (point.quality.mean - theirs.accuracy),
    )
