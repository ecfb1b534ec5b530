"""The bench of wide layers: what it prints, what it counts, and that it times the right thing."""

import json
from pathlib import Path

import pytest
import torch

from bench.million.__main__ import main
from bench.million.cold import ColdModel
from bench.million.served import kept_bytes
from bench.million.weights import dense, strip_tree
from bench.networks import Shape
from bench.parity import ParityError
from fff import reference
from fff.inference_result import InferenceResult
from fff.kernels.cpu.backend import NumbaGrouped
from fff.weights import weight_bytes

SHAPE = Shape(i=40, o=5, l=8, d=3)
CPU = torch.device("cpu")


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture(autouse=True)
def _kept_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def cold(generator, cold_bytes=0, storage="float32"):
    return ColdModel(SHAPE, strip_tree(SHAPE, generator), storage, 1, cold_bytes)


def last_line(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.parametrize("storage", ["float32", "bfloat16"])
def test_the_last_line_is_json_with_a_cell_for_each_number_of_rows(storage, capsys):
    code = main(["--quick", "--storage", storage, "--rows", "1,8"])

    report = last_line(capsys)
    assert code == 0
    assert [cell["batch"] for cell in report["cells"]] == [1, 8]
    for cell in report["cells"]:
        assert cell["ours_us_per_row"] == pytest.approx(cell["ours_us"] / cell["batch"])
        assert cell["ratio_dense"] == pytest.approx(cell["dense_us"] / cell["ours_us"])
        assert 0 < cell["fraction_of_read"] < 1
    assert report["served"] is None


def test_a_served_model_answers_and_its_memory_is_weighed(tmp_path: Path, capsys):
    """Through the store, a process of its own and HTTP; nothing of it stays."""
    code = main(["--quick", "--no-dense", "--rows", "1", "--served", "--folder", str(tmp_path)])

    served = last_line(capsys)["served"]
    assert code == 0
    assert served["peak_bytes"] >= served["resident_bytes"] > served["weight_bytes"] > 0
    assert served["mapped_bytes"] == 0  # packed, it is given back until an explanation reads it
    assert served["request_ms"]["1"] > served["compute_ms"]["1"] > 0
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_computes_something_else_is_not_timed(monkeypatch, capsys):
    infer = NumbaGrouped.infer

    def wrong(self: NumbaGrouped, x: torch.Tensor) -> InferenceResult:
        true = infer(self, x)
        return InferenceResult(true.logits * 1.01, true.leaf, true.margin)

    monkeypatch.setattr(NumbaGrouped, "infer", wrong)

    assert main(["--quick"]) == 1
    assert "logits differ by 0.01" in capsys.readouterr().err


def test_leaves_of_a_strip_differ_and_their_answers_are_finite(generator):
    weights = strip_tree(SHAPE, generator)

    assert len(weights.w1.flatten(1).unique(dim=0)) == 8
    answer = reference.infer(torch.randn(100, 40, generator=generator), weights)
    assert len(answer.leaf.unique()) == 8
    assert answer.logits.isfinite().all()


def test_a_strip_takes_less_memory_than_its_leaves(generator):
    weights = strip_tree(Shape(768, 768, 32, 6), generator)

    assert weight_bytes(weights) > 12e6
    assert weights.w1.untyped_storage().nbytes() < 110e3


def test_the_dense_layer_has_memory_of_its_own_for_every_weight(generator, monkeypatch):
    matrices: list[torch.Tensor] = []

    def linear(x, w, b):
        matrices.append(w)
        return b

    monkeypatch.setattr("bench.million.weights.linear", linear)

    dense(SHAPE, torch.float32, generator)(torch.ones(1, 40))

    assert [w.shape for w in matrices] == [(64, 40), (5, 64)]
    assert [w.untyped_storage().nbytes() for w in matrices] == [4 * 64 * 40, 4 * 5 * 64]


def test_bytes_that_rows_share_are_counted_once(generator):
    """Leaves 0 and 1 share their path of three nodes; leaf 7 shares the root alone."""
    model = cold(generator)
    node = 4 * 40 + 32

    def touched(*leaves):
        return model.touched_bytes(torch.tensor(leaves, dtype=torch.int32)[:, None])

    assert touched(0) == model.record_bytes + 3 * node
    assert touched(0, 0, 1) == 2 * model.record_bytes + 3 * node
    assert touched(0, 7) == 2 * model.record_bytes + 5 * node


def test_small_models_are_copied_until_no_cache_holds_them(generator):
    one, many = cold(generator), cold(generator, cold_bytes=200_000)

    assert len(one.kernels) == 1
    assert (len(many.kernels) - 1) * many.bytes < 200_000 <= len(many.kernels) * many.bytes


def test_calls_visit_the_copies_in_turn_with_other_rows(generator, monkeypatch):
    model, seen = cold(generator, cold_bytes=200_000), []
    call, _ = model.calls(2, generator)
    monkeypatch.setattr(NumbaGrouped, "infer", lambda kernel, x: seen.append((kernel, x)))

    for _ in model.kernels:
        call()

    assert [kernel for kernel, _ in seen] == model.kernels
    assert len(torch.stack([x for _, x in seen]).unique(dim=0)) == len(seen)


def test_the_reader_reads_whole_records(generator):
    model = cold(generator, cold_bytes=200_000)
    read, read_bytes = model.reader(generator)

    read()
    assert read_bytes == 100 * (model.record_bytes // 256 * 256)


def test_bfloat16_halves_the_leaves_matrices_alone(generator):
    weights = strip_tree(SHAPE, generator)
    saved = weight_bytes(weights) - kept_bytes(weights, "bfloat16")

    assert saved == 2 * 8 * (40 * 8 + 8 * 5)


@pytest.mark.parametrize("depths", ["0", "5-21", "deep", "7-"])
def test_depths_that_are_none_are_refused(depths, capsys):
    with pytest.raises(SystemExit):
        main(["--depths", depths])

    assert "--depths" in capsys.readouterr().err


def test_a_parity_error_is_one_line(monkeypatch, capsys):
    def fail(*_: object) -> None:
        raise ParityError("served: nothing fits")

    monkeypatch.setattr("bench.million.__main__.cells", fail)

    assert main(["--quick"]) == 1
    assert capsys.readouterr().err.strip() == "bench.million: served: nothing fits"
