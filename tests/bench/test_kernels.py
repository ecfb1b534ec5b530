"""The kernel bench: what it prints, and that it times only what computes the right thing."""

import json
from dataclasses import replace

import pytest
import torch

from bench.contenders import Shape, contenders
from bench.kernels import main
from bench.parity import ParityError, check, check_single_leaf
from bench.rows import batches, random_rows
from fff import reference

CONTRACT = {
    *("device", "dtype", "in", "out", "leaf", "depth", "batch", "routing", "ours_us", "dense_us"),
    *("gather_us", "moe_us", "ratio_dense", "ratio_gather", "gflops", "sgemm_gflops"),
    "fraction_of_ceiling",
}
SHAPE = Shape(i=40, o=5, l=3, d=3)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def sides(generator):
    return contenders(SHAPE, torch.device("cpu"), generator)


@pytest.fixture
def kept_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("kept_threads")
def test_the_last_line_is_json_with_the_contracts_fields(capsys):
    code = main(["--quick"])
    printed = capsys.readouterr().out.splitlines()
    report = json.loads(printed[-1])

    assert code == 0
    assert printed[0].startswith("Ceiling: sgemm")
    assert report["machine"]["cores"] >= 1
    assert len(report["cells"]) == 4
    for cell in report["cells"]:
        assert set(cell) >= CONTRACT
        assert cell["ratio_dense"] == pytest.approx(cell["dense_us"] / cell["ours_us"])
        assert 0 < cell["fraction_of_ceiling"] < 1


@pytest.mark.parametrize(
    ("device", "said"),
    [("cuda:99", "device cuda:99 was asked for"), ("abacus", "device must be auto, cpu")],
)
def test_a_device_that_is_not_there_is_refused_without_a_traceback(device, said, capsys):
    with pytest.raises(SystemExit) as end:
        main(["--device", device])

    assert end.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("routing", ["balanced", "single-leaf"])
def test_every_side_computes_what_the_reference_does(sides, generator, routing):
    check(sides, random_rows(routing, 32, sides.tree, generator))


@pytest.mark.parametrize("side", ["dense", "dense_inference", "gather"])
def test_a_side_that_computes_something_else_is_not_timed(sides, generator, side):
    x = random_rows("balanced", 32, sides.tree, generator)
    wrong = replace(sides, runs=sides.runs | {side: lambda x: sides.runs[side](x) * 1.01})

    with pytest.raises(ParityError, match=side):
        check(wrong, x)


def test_another_leaf_is_noticed_even_where_the_logits_agree(sides, generator):
    x = random_rows("balanced", 32, sides.tree, generator)
    mirrored = replace(sides.tree, node_weight=-sides.tree.node_weight)

    with pytest.raises(ParityError, match="rows take another leaf"):
        check(replace(sides, tree=mirrored), x)


def test_single_leaf_rows_differ_and_share_a_leaf(sides, generator):
    rows = random_rows("single-leaf", 64, sides.tree, generator)

    check_single_leaf(rows, sides.tree)
    assert len(rows.unique(dim=0)) == 64
    with pytest.raises(ParityError, match="reach 8"):
        check_single_leaf(random_rows("balanced", 256, sides.tree, generator), sides.tree)


def test_batches_follow_one_another_without_end():
    taken = batches(torch.arange(6).reshape(3, 2), size=1)

    assert [next(taken).tolist() for _ in range(4)] == [[[0, 1]], [[2, 3]], [[4, 5]], [[0, 1]]]


def test_the_printed_flop_ratio_is_the_weights_own(sides):
    assert pytest.approx(sides.wide.flops_per_row / sides.tree.flops_per_row) == SHAPE.flop_ratio


def test_the_reference_sees_balanced_rows_on_every_leaf(sides, generator):
    leaf, _ = reference.route(random_rows("balanced", 512, sides.tree, generator), sides.tree)

    assert len(leaf.unique()) == 8
