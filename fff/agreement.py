"""
When two networks agree on a row: in its class, or in every value of it.

Outputs of a classification are scores, of which the largest names the class; how far they are from
each other matters to nobody. Outputs of a regression are values, which two networks never compute
alike to the last bit: they agree where they are near enough to be used for each other.

Imported by the shadow's process too: numbers go in, of whatever network they are.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Outputs = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class AgreementRule:
    """
    What counts as agreement.

    Attributes:
        tolerances: How far two values of each output may be from each other, `o` numbers above 0
            in the outputs' units; None where outputs are scores of classes.
    """

    tolerances: tuple[float, ...] | None = None

    def agree(self, first: Outputs, second: Outputs) -> npt.NDArray[np.bool_]:
        """
        Find the rows on which two networks agree: the same class, or all values within tolerance.

        Args:
            first: Outputs of one network, `[n, o]`, float32.
            second: Of the other for the same rows, `[n, o]`, float32.

        Returns:
            Of each row, `[n]`. A value that is NaN is within no tolerance of any.
        """
        if self.tolerances is None:
            agreeing: npt.NDArray[np.bool_] = first.argmax(axis=1) == second.argmax(axis=1)
        else:
            within = absolute_difference(first, second) <= np.array(self.tolerances)  # [n, o]
            agreeing = np.logical_and.reduce(within, axis=1)
        return agreeing


SAME_CLASS = AgreementRule()


def absolute_difference(first: Outputs, second: Outputs) -> npt.NDArray[np.float64]:
    """
    Subtract outputs, `[n, o]` float32 each; NaN where one is NaN or both are the same infinity.

    In float64: two float32 may lie further apart than float32 goes.
    """
    with np.errstate(invalid="ignore"):  # infinity less infinity
        difference: npt.NDArray[np.float64] = np.abs(first.astype(np.float64) - second)
    return difference
