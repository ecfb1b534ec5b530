import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.calibration import TEMPERATURES, Logits, calibration, fit_temperature
from evaluation.dataset import Labels


def of(probabilities: npt.ArrayLike) -> Logits:
    return np.log(np.asarray(probabilities, np.float64)).astype(np.float32)


def drawn(rows: int, classes: int, sharpness: float, seed: int = 0) -> tuple[Logits, Labels]:
    """Logits, and labels drawn with the probabilities that these say: calibrated by definition."""
    random = np.random.RandomState(seed)
    logits = sharpness * random.normal(size=(rows, classes))
    labels = (logits + random.gumbel(size=logits.shape)).argmax(1)
    return logits.astype(np.float32), labels


def nll(logits: npt.NDArray[np.floating], labels: Labels) -> float:
    return calibration(logits.astype(np.float32), labels).nll


def test_the_error_by_hand() -> None:
    """Two rows sure by 0.9, one of them right; two sure by 0.6, both right."""
    logits = of([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]])
    measured = calibration(logits, np.array([0, 1, 0, 1]))

    assert measured.error == pytest.approx((2 * abs(0.9 - 0.5) + 2 * abs(0.6 - 1)) / 4)
    assert measured.nll == pytest.approx(-np.log([0.9, 0.1, 0.6, 0.6]).mean())
    assert measured.confidence_when_wrong == pytest.approx(0.9)
    low, high = (b for b in measured.bins if b.rows)
    assert (low.rows, low.accuracy, high.rows, high.accuracy) == (2, 1, 2, 0.5)
    assert [low.confidence, high.confidence] == pytest.approx([0.6, 0.9])


def test_bins_share_the_confidences_and_a_bound_belongs_to_the_bin_below() -> None:
    """Of a half, which is a bound of four bins and no number that rounding moves; and of 1."""
    logits = np.array([[0, 0], [200, 0]], np.float32)
    bins = calibration(logits, np.array([0, 0]), bins=4).bins

    assert [(b.low, b.high, b.rows) for b in bins] == [
        *((0, 0.25, 0), (0.25, 0.5, 1)),
        *((0.5, 0.75, 0), (0.75, 1, 1)),
    ]
    assert (bins[0].confidence, bins[0].accuracy, bins[0].gap) == (None, None, 0)


def test_labels_drawn_as_the_network_says_leave_no_error() -> None:
    """Sampling alone leaves about the root of bins over rows: 0.01 of 200,000."""
    logits, labels = drawn(200_000, 5, 2.0)

    assert calibration(logits, labels).error < 0.01
    assert calibration(3 * logits, labels).error > 0.1


def test_who_says_nothing_is_calibrated_by_the_base_rate() -> None:
    measured = calibration(np.zeros((100, 4), np.float32), np.arange(100) % 4)

    assert measured.error == pytest.approx(0)
    assert measured.nll == pytest.approx(np.log(4))


def test_without_a_wrong_row_there_is_no_confidence_of_wrong_ones() -> None:
    assert calibration(of([[0.8, 0.2]]), np.array([0])).confidence_when_wrong is None


def test_more_rows_than_a_chunk_are_the_mean_of_all() -> None:
    logits, labels = drawn(100, 3, 1.0)
    part, whole = (calibration(np.tile(logits, (n, 1)), np.tile(labels, n)) for n in (1, 200))

    assert [whole.error, whole.nll] == pytest.approx([part.error, part.nll])


def test_logits_of_any_size_have_a_finite_likelihood() -> None:
    measured = calibration(np.array([[1e30, -1e30], [3e38, 3e38]], np.float32), np.array([1, 0]))

    assert np.isfinite([measured.error, measured.nll]).all()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 5.0])
def test_the_temperature_that_made_a_network_too_sure_is_found(temperature: float) -> None:
    logits, labels = drawn(50_000, 5, 2.0)

    assert fit_temperature(logits * np.float32(temperature), labels) == pytest.approx(
        temperature, rel=0.03
    )


@given(st.integers(0, 2**32 - 1), st.integers(2, 200), st.integers(2, 6), st.floats(-8, 8))
def test_a_temperature_never_lowers_the_likelihood_of_the_rows_it_was_fitted_on(
    seed: int, rows: int, classes: int, scale: float
) -> None:
    """Also where the logits are against the labels, or say nothing."""
    logits, labels = drawn(rows, classes, 1.0, seed)
    logits *= np.float32(scale)
    temperature = fit_temperature(logits, labels)
    wide = logits.astype(np.float64)

    assert TEMPERATURES[0] <= temperature <= TEMPERATURES[1]
    assert nll(wide / temperature, labels) <= nll(wide, labels) + 1e-6
    assert np.array_equal((wide / temperature).argmax(1), logits.argmax(1))


def test_no_other_temperature_is_better() -> None:
    logits, labels = drawn(500, 4, 3.0)
    logits *= np.float32(2)
    best = nll(logits / fit_temperature(logits, labels), labels)

    assert all(nll(logits / t, labels) >= best - 1e-6 for t in np.geomspace(*TEMPERATURES, 200))


def test_rows_that_are_all_right_say_nothing_of_wrong_ones() -> None:
    """Their likelihood grows without an end as the temperature falls."""
    assert fit_temperature(of([[0.6, 0.4], [0.3, 0.7]]), np.array([0, 1])) == 1
