"""
Rivals that are no networks, fitted to the rows that the networks learnt from.

What an expert would try before any network: the nearest rows, a surface through the rows, boosted
trees; and of a raster its cells themselves, with those of the test filled in from the others.

Covered:      values and classes; how many neighbours, by rows that are held out; what each keeps.
Not covered:  how good and how quick they are (`evaluation.report.measuring`).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np
import numpy.typing as npt
from torch import Tensor, from_numpy

from evaluation.booster import fit_booster
from evaluation.errors import DatasetError, EvaluationError
from evaluation.rasters import grid_of
from evaluation.samples import Inputs, Samples
from fff.extras import needs_extra
from fff.raster import RasterWeights

Answers = npt.NDArray[np.floating]
NEIGHBOURS = (1, 2, 4, 8, 16)
MOST_INPUTS = 4  # of triangles and the like: their number grows as the factorial
LARGE_TREES = {"max_leaf_nodes": 255, "min_samples_leaf": 5, "learning_rate": 0.2}
"""Tried beside scikit-learn's own 31 leaves: a field has structure everywhere."""
_HELD_OUT = 0.05
_OF_BOOSTER = 0.1  # held out too, as by scikit-learn itself
_PATIENCE = 20  # rounds without gain
_NODE_BYTES = 72  # of SciPy's `ckdtreenode`: nine words


class Unfit(EvaluationError):
    """A rival is none for these rows."""


@dataclass(frozen=True, slots=True)
class Rival:
    """
    A rival that is fitted.

    Attributes:
        family: Its name, as `RIVALS` has it.
        label: What was chosen, in short.
        library: That computes it.
        stored_bytes: Of what it keeps: rows, nodes, triangles.
        answers: From `[n, i]` float32 to values `[n, o]`, or a number for each class, `[n, o]`.
    """

    family: str
    label: str
    library: str
    stored_bytes: int
    answers: Callable[[Inputs], Answers]

    @property
    def name(self) -> str:
        """Of its implementation."""
        return self.library

    def infer(self, x: Tensor) -> Answers:
        """Answer rows, `[n, i]` float32, as they are timed."""
        return self.answers(x.numpy())


def nearest(train: Samples, test: Samples, threads: int) -> Rival:
    """Mean of the nearest rows by 1 / distance, found by a k-d tree: SciPy's `cKDTree`."""
    from scipy.spatial import cKDTree

    y = train.y.astype(np.float64) if train.task == "regression" else _one_hot(train)

    def over(rows: npt.NDArray[np.int64], k: int) -> Callable[[Inputs], Answers]:
        tree, of_rows = cKDTree(train.x[rows]), y[rows]

        def answers(x: Inputs) -> Answers:
            distance, row = tree.query(x, k, workers=threads)
            if k == 1:
                only: Answers = of_rows[row]
                return only
            return _weighted(distance, of_rows[row])

        return answers

    order = np.random.default_rng(0).permutation(len(train))
    held_out, fitted = np.split(order, [max(1, int(_HELD_OUT * len(train)))])
    choices = [k for k in NEIGHBOURS if k <= len(fitted)] or [1]
    missed = [np.mean((over(fitted, k)(train.x[held_out]) - y[held_out]) ** 2) for k in choices]
    k = choices[int(np.argmin(missed))]
    tree = cKDTree(train.x)
    stored = tree.data.nbytes + tree.indices.nbytes + tree.size * _NODE_BYTES + y.nbytes
    return Rival("knn", f"k{k}", "scipy", stored, over(np.arange(len(train)), k))


def interpolation(train: Samples, test: Samples, threads: int) -> Rival:
    """Linear between the rows: triangles by Delaunay, the nearest row beyond them, both SciPy's."""
    from scipy.interpolate import LinearNDInterpolator
    from scipy.spatial import cKDTree

    if train.task == "classification":
        raise Unfit("interpolates values, not classes")
    if not 2 <= train.x.shape[1] <= MOST_INPUTS:
        raise Unfit(f"takes 2 to {MOST_INPUTS} inputs, got {train.x.shape[1]}")
    surface, tree = LinearNDInterpolator(train.x, train.y), cKDTree(train.x)
    triangles = surface.tri
    stored = sum(
        part.nbytes
        for part in (triangles.points, triangles.simplices, triangles.neighbors, train.y)
    )

    def answers(x: Inputs) -> Answers:
        values: Answers = surface(x)
        beyond = np.isnan(values).any(1)
        if beyond.any():
            values[beyond] = train.y[tree.query(x[beyond])[1]]
        return values

    return Rival("interpolation", "linear", "scipy", stored, answers)


def booster(train: Samples, test: Samples, threads: int) -> Rival:
    """Boosted trees over histograms: scikit-learn's, one for each value; small trees or large."""
    each = []
    for part in _one_by_one(train):
        tried = [
            fit_booster(part, _OF_BOOSTER, 0, n_iter_no_change=_PATIENCE, **trees)
            for trees in ({}, LARGE_TREES)
        ]
        each.append(max(tried, key=lambda one: one.held_out_score))

    def answers(x: Inputs) -> Answers:
        outputs = np.concatenate([one.outputs(x) for one in each], 1)
        if train.task == "regression":
            return outputs
        # A class that no training row has stays at the least.
        logits: Answers = np.log(np.maximum(outputs, np.finfo(np.float32).tiny))
        return logits

    stored = sum(one.bytes for one in each)
    label = f"{sum(one.rounds for one in each)} rounds"
    return Rival("booster", label, "scikit-learn", stored, answers)


def _one_by_one(train: Samples) -> Iterator[Samples]:
    """The same rows with one value each; of classes, as they are."""
    if train.task == "classification":
        yield train
        return
    for place in range(train.output_width):
        targets = train.targets and (train.targets[place],)
        yield replace(train, y=train.y[:, place : place + 1], targets=targets)


def raster(train: Samples, test: Samples, threads: int) -> RasterWeights:
    """The cells of a regular grid in our kernel, those of the test filled in by `interpolation`."""
    surface = interpolation(train, test, threads)
    filled = Samples(test.x, surface.answers(test.x).astype(np.float32), test.name)
    try:
        return RasterWeights(from_numpy(grid_of([train, filled])))
    except DatasetError as exc:
        raise Unfit("needs the cells of a regular grid, all of them") from exc


RIVALS: dict[str, Callable[[Samples, Samples, int], Rival | RasterWeights]] = {
    "knn": nearest,
    "interpolation": interpolation,
    "booster": booster,
    "raster": raster,
}


def fitted_rival(name: str, train: Samples, test: Samples, threads: int) -> Rival | RasterWeights:
    """
    Fit a rival.

    Args:
        name: Of `RIVALS`.
        train: What it learns from.
        test: Whose inputs tell a raster its cells; their values are not looked at.
        threads: That it computes with.

    Raises:
        EvaluationError: If it is none for these rows, or its library is not installed.
    """
    try:
        return RIVALS[name](train, test, threads)
    except ImportError as exc:
        raise Unfit(needs_extra(f"the rival {name}", "train")) from exc


def made_with(rival: Rival | RasterWeights) -> str:
    """The library and its version; `fff-serve` of a raster, which our kernel computes."""
    if isinstance(rival, RasterWeights):
        return "fff-serve"
    return f"{rival.library} {version(rival.library)}"


@contextmanager
def limited_to(threads: int) -> Iterator[None]:
    """Hold scikit-learn's threads to so many; without it there is nothing to hold."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    with threadpool_limits(threads):
        yield


def _one_hot(samples: Samples) -> npt.NDArray[np.float64]:
    return np.eye(samples.output_width)[samples.y]


def _weighted(
    distance: npt.NDArray[np.float64], values: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Means of `[n, k, o]` by 1 / distance, `[n, k]`; where one is 0, of those alone."""
    with np.errstate(divide="ignore"):
        weight = 1 / distance
    at = np.isinf(weight)
    weight = np.where(at.any(1, keepdims=True), at, weight)
    mean: npt.NDArray[np.float64] = np.einsum("nk,nko->no", weight, values)
    mean /= weight.sum(1, keepdims=True)
    return mean


def wanted_rivals(asked: Sequence[str] | None) -> list[str]:
    """
    Rivals that are asked for: all where nothing is said, none of `none`.

    Raises:
        EvaluationError: One is unknown.
    """
    if asked is None:
        return [*RIVALS]
    if [*asked] == ["none"]:
        return []
    for name in asked:
        if name not in RIVALS:
            raise EvaluationError(f"a rival must be one of {', '.join(RIVALS)}; got {name!r}")
    return list(dict.fromkeys(asked))
