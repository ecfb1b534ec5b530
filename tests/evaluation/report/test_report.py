"""From a store to a report, on tiny networks and scikit-learn's digits."""

from pathlib import Path
from types import ModuleType

import pytest

from evaluation.datasets import Dataset
from evaluation.errors import EvaluationError
from evaluation.evaluate import evaluate
from evaluation.report import images, measuring, report
from evaluation.report.candidates import find_candidates
from evaluation.report.images import LabelledImages
from evaluation.report.report import Report, build_report
from model_store.store import Store
from tests.evaluation.report.made_up import COMMAND, dense, fff, publish

Digits = tuple[Dataset, Dataset]
pytestmark = pytest.mark.usefixtures("few_rounds")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    found = Store(tmp_path_factory.mktemp("store"))
    for seed in (0, 1):
        publish(found, f"tree-{seed}", fff(seed, master=2), seed)
    publish(found, "wide", dense(0), 0)
    publish(found, "wide-again", dense(1), 0)
    publish(found, "other-data", dense(0, inputs=4), 0)
    publish(found, "damaged", dense(2), 2)
    (found.folder("damaged", 1) / "model.safetensors").write_bytes(b"")
    return found


@pytest.fixture(scope="module")
def measured(store: Store, digits_data: Digits, few_rounds: None) -> Report:
    test = LabelledImages(digits_data[1])
    return build_report(find_candidates(store, [], test), test, "digits", 1, COMMAND)


def test_seeds_are_one_point(measured: Report) -> None:
    assert [(p.family, [m.name for m in p.models]) for p in measured.points] == [
        ("fff", ["tree-0", "tree-1"]),
        ("dense", ["wide"]),
    ]


def test_what_is_left_out_is_named_with_the_reason(measured: Report) -> None:
    why = {each.model: each.why for each in measured.left_out}

    assert why.keys() == {"other-data", "damaged", "wide-again"}
    assert why["other-data"] == "takes 4 numbers, an image has 64"
    assert why["wide-again"] == "is wide again, of the same seed"


def test_each_checkpoint_has_what_evaluation_finds(
    measured: Report, store: Store, digits_data: Digits
) -> None:
    test = digits_data[1]
    for point in measured.points:
        for model in point.models:
            result = evaluate(store.load(model.name), test.images, test.labels)
            assert model.figures["hard_accuracy"] == result.hard_accuracy
            assert model.figures["soft_accuracy"] == result.soft_accuracy
            assert (model.figures["leaves_used"], model.leaves) == (
                result.leaves_used,
                result.leaves,
            )
            if result.leaves:
                assert model.figures["largest_share"] == pytest.approx(
                    max(result.leaf_shares) * result.leaves
                )
            assert 0 <= model.figure("calibration_error") <= 1
            assert model.figures["training_accuracy"] == 0.5


def test_a_mean_is_of_the_seeds_and_the_deviation_a_sample_s(measured: Report) -> None:
    tree = measured.points[0]
    first, second = (model.figure("hard_accuracy") for model in tree.models)

    assert tree.quality.mean == pytest.approx((first + second) / 2)
    assert tree.quality.sd == pytest.approx(abs(first - second) / 2**0.5)
    assert measured.points[1].quality.sd is None


def test_costs_are_the_weights_own_and_time_has_its_quartiles(
    measured: Report, store: Store
) -> None:
    for point in measured.points:
        weights = store.load(point.models[0].name).weights
        assert point.cost.flops_per_row == weights.flops_per_row
        assert point.cost.bytes_per_row == weights.bytes_per_row
        for rows, time in ((1, point.cost.batch_1), (4096, point.cost.batch_4096)):
            assert time.batch_rows == rows
            assert 0 < time.low_us <= time.median_us <= time.high_us
            assert time.rounds >= 16


def test_models_of_other_data_of_the_same_size_are_measured_if_they_are_named(
    digits_data: Digits, tmp_path: Path
) -> None:
    store, test = Store.at(tmp_path), LabelledImages(digits_data[1])
    publish(store, "of-these", dense(0), 0, tested_on=test.sha256)
    publish(store, "of-others", dense(1), 1, tested_on="0" * 64)

    unnamed, named = find_candidates(store, [], test), find_candidates(store, ["of-*"], test)

    assert unnamed.names == ["of-these"]
    assert [(left.model, left.why.split(";")[0]) for left in unnamed.left_out] == [
        ("of-others", "was trained for other data")
    ]
    assert named.names == ["of-others", "of-these"]


def test_progress_goes_up_and_ends_before_the_end(store: Store, digits_data: Digits) -> None:
    told: list[tuple[int, int]] = []
    test = LabelledImages(digits_data[1])
    candidates = find_candidates(store, ["tree-*"], test)

    build_report(candidates, test, "digits", 1, COMMAND, lambda *at: told.append(at))

    assert told == [(done, 5) for done in range(5)]


def test_the_machine_is_looked_at_between_accuracy_and_time(
    store: Store, digits_data: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its load is that of the minute before timing, not before what came minutes earlier."""
    seen: list[str] = []

    def noting(module: ModuleType, name: str) -> None:
        real = getattr(module, name)

        def noted(*given: object) -> object:
            seen.append(name)
            return real(*given)

        monkeypatch.setattr(module, name, noted)

    noting(images, "answers")
    noting(report, "this_machine")
    noting(measuring, "time_all")
    test = LabelledImages(digits_data[1])
    build_report(find_candidates(store, ["tree-*"], test), test, "x", 1, "x")

    assert seen == ["answers", "answers", "this_machine", *["time_all"] * 3]


def test_a_pattern_that_fits_no_model_is_refused(store: Store, digits_data: Digits) -> None:
    with pytest.raises(EvaluationError, match="like 'none-\\*'; the store holds: damaged, other"):
        find_candidates(store, ["tree-*", "none-*"], LabelledImages(digits_data[1]))


def test_a_store_without_a_model_for_the_data_is_refused(
    store: Store, digits_data: Digits, tmp_path: Path
) -> None:
    with pytest.raises(EvaluationError, match="other-data: takes 4 numbers, an image has 64"):
        find_candidates(store, ["other-*"], LabelledImages(digits_data[1]))
    with pytest.raises(EvaluationError, match="at least one model"):
        find_candidates(Store.at(tmp_path), [], LabelledImages(digits_data[1]))


def test_a_store_in_which_all_is_damaged_is_refused(store: Store, digits_data: Digits) -> None:
    test = LabelledImages(digits_data[1])
    candidates = find_candidates(store, ["damaged"], test)

    with pytest.raises(EvaluationError, match="damaged"):
        build_report(candidates, test, "digits", 1, COMMAND)
