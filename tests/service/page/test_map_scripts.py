"""The map's arithmetic: which rows are traffic, and where a cell lies."""

import json

import pytest

from tests.service.page.fields import EAST, HEIGHT, NORTH


def test_traffic_is_what_came_since_the_first_reading_of_a_model(evaluate):
    """Counters that went back are another load of it."""
    read = evaluate(
        "(() => { const traffic = new MapTraffic();"
        " return [[5, 7], [6, 7], [6, 9], [0, 3], [1, 3], [1, 3, 0]].map("
        "(rows) => { traffic.read(rows); return [...traffic.perLeaf, traffic.rows]; }); })()"
    )

    assert read == [[0, 0, 0], [1, 0, 1], [1, 2, 3], [0, 0, 0], [1, 0, 1], [0, 0, 0, 0]]


def grid(x: object, y: object, data: object = None, width: int = 300) -> str:
    field = {"inputs": [x, y], "targets": [HEIGHT], "data": data}
    return f"new MapGrid({json.dumps(field)}, {width})"


def test_values_grow_to_the_right_and_upwards(evaluate):
    corners = evaluate(f"[[0, 0], [1, 1]].map((place) => {grid(EAST, NORTH)}.pointAt(place))")

    assert corners == [[50, 80], [150, 0]]


def test_a_grid_without_coordinates_has_its_first_line_on_top(evaluate):
    plain = {"name": "x", "unit": None, "offset": 0, "scale": 1, "low": -1, "high": 1}

    corners = evaluate(f"[[0, 0], [1, 1]].map((place) => {grid(plain, plain)}.pointAt(place))")

    assert corners == [[-1, -1], [1, 1]]


@pytest.mark.parametrize("width", [40, 340, 4000])
@pytest.mark.parametrize("shape", [[344, 403], [10, 100], [7, 2], [1, 1]])
def test_a_map_has_the_datas_form_and_bounded_cells_each_asked_once(evaluate, shape, width):
    made = grid(EAST, NORTH, {"manifest": {"shape": shape}}, width)
    columns, lines = evaluate(f"(({{columns, lines}}) => [columns, lines])({made})")
    shuffled = evaluate(f"{made}.shuffled()")
    filled = evaluate(f"{made}.squares(8).flatMap(({{cells}}) => cells)")

    assert sorted(shuffled) == sorted(filled) == list(range(columns * lines))
    assert shuffled != sorted(shuffled)
    assert columns * lines <= 40_000
    aspect = max(0.4, min(2.5, shape[1] / shape[0]))
    assert columns / lines == pytest.approx(aspect, rel=0.15 if width > 40 else 1.5)
