"""Fields to show: random networks of two numbers, a raster as their data, and where cells lie."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
from playwright.sync_api import Page

from model_store.store import Store
from tests.fff.networks import multilayer, raster, tree
from tests.service import toys

DEPTH = 4
EAST = {"name": "east", "unit": "km", "offset": 100.0, "scale": 50.0, "low": 50.0, "high": 150.0}
NORTH = {"name": "north", "unit": "km", "offset": 40.0, "scale": -40.0, "low": 0.0, "high": 80.0}
HEIGHT = {"name": "height", "unit": "m", "mean": 0.0, "deviation": 1.0, "tolerance": 0.1}
PIXELS = {"scale": 1 / 16, "shift": 0.0}
CELLS = """cells => { const canvas = document.querySelector('#map canvas');
  const {columns, lines} = canvas.dataset, context = canvas.getContext('2d');
  const {data, width} = context.getImageData(0, 0, canvas.width, canvas.height);
  return cells.map((cell) => {
    const x = Math.floor((cell % columns + 0.5) * canvas.width / columns);
    const y = Math.floor((Math.floor(cell / columns) + 0.5) * canvas.height / lines);
    return data.slice(4 * (y * width + x), 4 * (y * width + x) + 4).join(); }); }"""


def make_store(root: Path, data: bool = True) -> Store:
    """`terrain`, an FFF, its rival `terrain-mlp` and perhaps `terrain-data`; `digits` beside it."""
    store = Store(root)
    field: dict[str, Any] = {"origin": toys.ORIGIN, "targets": [HEIGHT]}
    field["inputs"] = [column | {"type": "number"} for column in (EAST, NORTH)]
    store.publish("digits", tree(64, 2, 4, 10), origin=toys.ORIGIN, uint8=PIXELS)
    store.publish("terrain-mlp", multilayer(2, (8, 8), 1), **field)
    store.publish("terrain", tree(2, DEPTH, 3, 1), baseline="terrain-mlp", **field)
    if data:
        store.publish("terrain-data", raster((6, 9), 1), **field)
    return store


def show(page: Page, model: str = "terrain") -> None:
    """Choose the field and wait until all of its map is drawn."""
    page.get_by_label("Model").select_option(model)
    computed(page, model)


def computed(page: Page, network: str) -> None:
    """Wait until the page says how long a network's map has taken."""
    done = re.compile(rf"\b{network}: [\d,]+ rows over HTTP")
    page.locator("#map-note", has_text=done).wait_for()


def compared(page: Page, rival: str) -> None:
    """Put a rival on the right of the divider, drawn."""
    page.get_by_label("right side").select_option(rival)
    computed(page, rival)


def view(page: Page, name: str) -> None:
    page.locator("#map-views span", has_text=name).click()


def size(page: Page) -> tuple[int, int]:
    """Columns and lines of the map."""
    canvas = page.locator("#map canvas")
    columns, lines = (canvas.get_attribute(f"data-{what}") for what in ("columns", "lines"))
    assert columns
    assert lines
    return int(columns), int(lines)


def sampled(page: Page, count: int, seed: int = 0) -> list[int]:
    """Some of the map's cells."""
    columns, lines = size(page)
    cells = np.random.default_rng(seed).choice(columns * lines, count, replace=False)
    return [int(cell) for cell in cells]


def rows_of(page: Page, cells: Sequence[int]) -> list[list[float]]:
    """What networks take at the middles of cells: east to the right, north upwards."""
    columns, lines = size(page)
    across = (np.array(cells) % columns + 0.5) / columns
    down = (np.array(cells) // columns + 0.5) / lines
    rows: list[list[float]] = np.stack((2 * across - 1, 2 * down - 1), 1).astype("f4").tolist()
    return rows


def colours(page: Page, cells: Sequence[int]) -> list[str]:
    """What is drawn in the middles of cells."""
    drawn: list[str] = page.evaluate(CELLS, cells)
    return drawn


def explained(url: str, rows: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
    answer = httpx.post(f"{url}/v1/models/terrain/explain", json={"inputs": rows}).json()
    found: list[dict[str, Any]] = answer["rows"]
    return found


def predicted(url: str, model: str, rows: Sequence[Sequence[float]]) -> npt.NDArray[np.float64]:
    """A model's values, `[n]`."""
    answer = httpx.post(f"{url}/v1/models/{model}/predict", json={"inputs": rows}).json()
    return np.array(answer["outputs"])[:, 0]


def groups_alike(ones: Sequence[object], others: Sequence[object]) -> bool:
    """Whether two namings of the same things put the same of them together."""
    pairs = set(zip(ones, others, strict=True))
    return len(pairs) == len(set(ones)) == len(set(others))
