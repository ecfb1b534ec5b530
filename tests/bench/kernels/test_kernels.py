"""The kernel bench: what it prints, and that it times only what computes the right thing."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import torch

from bench.kernels.__main__ import main
from bench.kernels.parity import check, check_routing
from bench.kernels.run import Bench, ShapeBench
from bench.kernels.sides import contenders
from bench.networks import Shape
from bench.parity import ParityError
from bench.rows import batches, random_rows, rows_needed, zipf_leaves, zipf_shares
from fff import reference

CONTRACT = {
    *("device", "dtype", "in", "out", "leaf", "depth", "batch", "routing", "ours_us", "dense_us"),
    *("gather_us", "moe_us", "ratio_dense", "ratio_gather", "gflops", "sgemm_gflops"),
    "fraction_of_ceiling",
}
ADDED = {
    *("weights", "threads", "dense_compiled_us", "dense_inference_us", "authors_us"),
    *("moe_top2_us", "ratio_moe", "moe_flop_ratio", "fraction_of_moe_flop_ratio"),
    *("fraction_of_sgemm", "read_gb_s", "bytes_touched", "leaves_touched", "floor_us", "bound"),
}
SHAPE = Shape(i=40, o=5, l=3, d=3)
SIDES = ["dense", "dense_inference", "gather", "authors", "moe", "moe_top2"]


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def sides(generator):
    return contenders(SHAPE, generator)


@pytest.fixture(autouse=True)
def _kept_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def _small_ceilings(monkeypatch):
    """Measured in little time, not truly."""
    for module in ("run", "ceiling"):
        monkeypatch.setattr(f"bench.kernels.{module}.SGEMM_SIZE", 64)
    monkeypatch.setattr("bench.kernels.ceiling._BUDGET_S", 0.0)
    monkeypatch.setattr("bench.kernels.floor._LEAST_READ_BYTES", 1 << 20)
    monkeypatch.setattr("bench.memory_read._MOST_FLUSH_BYTES", 1 << 20)


@pytest.mark.usefixtures("_small_ceilings")
def test_the_last_line_is_json_with_the_contracts_fields(capsys, tmp_path):
    picture = tmp_path / "speedup.svg"

    # One thread: where other processes take a core, two threads of torch make this a minute.
    code = main(["--quick", "--threads", "1", "--picture", str(picture)])
    printed = capsys.readouterr().out.splitlines()
    report = json.loads(printed[-1])

    assert code == 0
    assert printed[0].startswith("Ceiling: sgemm")
    assert report["machine"]["cores"] >= 1
    assert len(report["cells"]) == 7
    for cell in report["cells"]:
        assert set(cell) >= CONTRACT | ADDED
        assert cell["ratio_moe"] == pytest.approx(cell["moe_us"] / cell["ours_us"])
        assert cell["fraction_of_ceiling"] == pytest.approx(cell["floor_us"] / cell["ours_us"])
        assert cell["dense_compiled_us"] is None
    assert "in 784, out 10, leaf 8, depth 4" in picture.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "cuda:99"], "device cuda:99 was asked for"),
        (["--device", "abacus"], "device must be auto, cpu"),
        (["--quick", "--full"], "not allowed with"),
        (["--threads", "0"], "must be 1 to 256"),
    ],
)
def test_misuse_is_refused_without_a_traceback(arguments, message, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)

    assert end.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("routing", ["balanced", "zipf", "single-leaf"])
def test_every_side_computes_what_the_reference_does(sides, generator, routing):
    check(sides, random_rows(routing, 32, sides.tree, generator))


@pytest.mark.parametrize("side", SIDES)
def test_a_side_that_computes_something_else_is_not_timed(sides, generator, side):
    x = random_rows("balanced", 32, sides.tree, generator)
    wrong = replace(sides, runs=sides.runs | {side: lambda x: sides.runs[side](x) * 1.01})

    with pytest.raises(ParityError, match=side):
        check(wrong, x)


def test_a_compiled_side_is_checked_where_there_is_one(sides, generator):
    x = random_rows("balanced", 32, sides.tree, generator)
    runs = sides.runs | {"dense_compiled": sides.runs["dense_inference"]}

    with pytest.raises(ParityError, match="dense_compiled"):
        check(replace(sides, runs=runs), x)


def test_another_leaf_is_noticed_even_where_the_logits_agree(sides, generator):
    x = random_rows("balanced", 32, sides.tree, generator)
    mirrored = replace(sides.tree, node_weight=-sides.tree.node_weight)

    with pytest.raises(ParityError, match="rows take another leaf"):
        check(replace(sides, tree=mirrored), x)


UNUSED: Any = None  # what a test's own steps never ask for


def test_a_mixture_may_route_on_one_thread_and_the_authors_have_small_batches_only(sides):
    rows = torch.randn(64, SHAPE.i)
    with ThreadPoolExecutor(1) as pool:
        cells = ShapeBench(Bench(2, pool, compiles=False), SHAPE, flush=UNUSED)
        small, large = (cells.sides(sides.runs, rows, batch) for batch in (32, 64))

    assert set(small) == {"ours", *SIDES, "moe, router alone", "moe_top2, router alone"}
    assert set(large) == set(small) - {"authors"}
    assert (small["gather"].lap, small["dense"].lap) == (2, 1)


def test_without_a_compiler_the_bench_goes_on_and_says_why(monkeypatch):
    def no_compiler(weights, rows):
        raise RuntimeError("no C++ compiler found\nset CXX")

    monkeypatch.setattr("bench.kernels.run.compiled_dense", no_compiler)
    bench = Bench(threads=1, pool=UNUSED, compiles=True)

    assert bench.compiled_dense(UNUSED, 1) == {}
    assert bench.no_compiler == "no C++ compiler found"


def test_single_leaf_rows_differ_and_share_a_leaf(sides, generator):
    rows = random_rows("single-leaf", 64, sides.tree, generator)

    check_routing(reference.route(rows, sides.tree)[0], "single-leaf", sides.tree)
    assert len(rows.unique(dim=0)) == 64
    with pytest.raises(ParityError, match="reach 8"):
        check_routing(torch.arange(8), "single-leaf", sides.tree)


def test_zipf_rows_reach_the_leaves_that_were_drawn_for_them(sides):
    rows = random_rows("zipf", 4096, sides.tree, torch.Generator().manual_seed(1))
    leaf, _ = reference.route(rows, sides.tree)

    shares = leaf.bincount(minlength=8).sort(descending=True).values / 4096

    assert torch.allclose(shares, zipf_shares(8), atol=0.03)
    check_routing(leaf, "zipf", sides.tree)
    with pytest.raises(ParityError, match="first leaf"):
        check_routing(torch.arange(4096) % 8, "zipf", sides.tree)


def test_zipf_shares_fall_by_the_rank_to_the_power_of_1_2(generator):
    shares = zipf_shares(128)

    assert shares.sum() == pytest.approx(1)
    assert shares[0] / shares[9] == pytest.approx(10**1.2, rel=1e-5)
    assert zipf_leaves(1000, 128, generator).max() < 128


def test_batches_follow_one_another_without_end():
    taken = batches(torch.arange(6).reshape(3, 2), size=1)

    assert [next(taken).tolist() for _ in range(4)] == [[[0, 1]], [[2, 3]], [[4, 5]], [[0, 1]]]


def test_a_lap_of_single_rows_meets_the_whole_model():
    assert rows_needed(1, leaves=512) == 1024
    assert rows_needed(512, leaves=16) == 2048


def test_the_printed_flop_ratios_are_the_weights_own(sides):
    router_flops = 2 * sides.router.weight.numel()
    leaf_flops = 2 * SHAPE.l * (SHAPE.i + SHAPE.o)
    tree_flops = sides.tree.flops_per_row

    assert pytest.approx(sides.wide.flops_per_row / tree_flops) == SHAPE.flop_ratio
    assert pytest.approx((router_flops + leaf_flops) / tree_flops) == SHAPE.moe_flop_ratio


def test_the_reference_sees_balanced_rows_on_every_leaf(sides, generator):
    leaf, _ = reference.route(random_rows("balanced", 512, sides.tree, generator), sides.tree)

    assert len(leaf.unique()) == 8
