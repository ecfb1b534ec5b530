"""The table of vision transformers: what it is made of, how a run goes on, what it says."""

from dataclasses import replace

from bench.vision.cells import DEPTHS, WIDTH, Cell, cells, fill
from bench.vision.table import Figures, markdown
from bench.vision.times import BATCHES, times
from model_store.store import Store
from tests.training.vision.toys import TEST, TOY, TRAIN


def test_every_fff_trains_the_twins_width() -> None:
    every = [*cells(TOY, 2)]

    assert len({cell.name for cell in every}) == len(every) == 2 * (1 + 2 * len(DEPTHS))
    widths = {cell.recipe.training_width for cell in every if cell.recipe.family != "dense"}
    assert widths == {WIDTH} == {c.recipe.hidden_width for c in every if c.recipe.family == "dense"}


def test_a_run_trains_what_the_store_lacks_and_its_networks_are_timed(tmp_path) -> None:
    store, told = Store(tmp_path), list[str]()
    quick = TOY.override({"epochs": 1, "layer_steps": 2, "tuning_epochs": 0.2})
    pair = [
        Cell("dense-s0", replace(quick, family="dense", hidden_width=8), 0),
        Cell("fff-l2-s0", quick, 0),
    ]

    fill(store, pair[:1], TRAIN, TEST, told.append)
    fill(store, pair, TRAIN, TEST, told.append)
    fill(store, pair, TRAIN, TEST, told.append)
    taken = times({cell.name: store.load(cell.name) for cell in pair}, TEST, 0.0)

    assert [line.split(":")[0] for line in told] == ["dense-s0", "fff-l2-s0"]
    for name in taken:
        for batch in BATCHES:
            assert 0 < taken[name].feed_forward[batch] < taken[name].whole[batch]


def test_the_verdict_says_what_is_kept_and_where_a_dense_network_of_the_width_is_better() -> None:
    reached = {("dense", WIDTH): [0.9, 0.92]}
    for leaf_width in DEPTHS:
        reached["fff", leaf_width] = [0.9, 0.9]
        reached["narrow", leaf_width] = [0.8 if leaf_width < 4 else 0.95] * 2

    lines = [*markdown(Figures(reached, None))]

    assert lines[2].startswith("| dense, 128 | 91.00 ± 1.41 | 100 | 128 |")
    assert lines[-2] == ""
    assert lines[-1] == (
        "at l = 8 98.90 % is kept, 99.0 % were wanted: missed; "
        "at l = 1 98.90 % is kept, 97.5 % were wanted: met. Better than dense of width l: "
        "at l = 2, 1."
    )
