"""A store whose models take rows by name, and such rows."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from fff.layers import FFF, Dense
from model_store.columns import CategoryColumn, Column, NumberColumn
from model_store.encoding import Encoder
from model_store.store import Store
from tests.service.toys import ORIGIN

COLUMNS: list[Column] = [
    NumberColumn(name="age", unit="years", offset=38.6, scale=13.6, low=17, high=90),
    CategoryColumn(name="work", values=["private", "self", "state"]),
    CategoryColumn(name="married", values=["false", "true"]),
    NumberColumn(name="hours", offset=40.0, scale=12.3),
]
ENCODER = Encoder(COLUMNS)
ROW: dict[str, Any] = {"age": 39, "work": "state", "married": True, "hours": 40.5}


def make_store(root: Path) -> Store:
    """`census` and its dense twin `census-dense`, with names, and `toy`, without."""
    torch.manual_seed(7)
    store = Store(root)
    named = {"origin": ORIGIN, "inputs": COLUMNS}
    store.publish("census-dense", Dense(ENCODER.width, 2, 16).weights(), **named)
    fff = FFF(ENCODER.width, 2, 3, leaf_width=2, master_width=2).weights()
    store.publish("census", fff, baseline="census-dense", **named)
    store.publish("toy", Dense(ENCODER.width, 2, 16).weights(), origin=ORIGIN)
    return store


def rows(count: int) -> list[dict[str, Any]]:
    """So many rows, whose texts hold what JSON is made of."""
    rng = np.random.default_rng(0)
    return [
        {
            "age": round(float(rng.uniform(17, 90)), 2),
            "work": str(rng.choice(["private", "self", "state"])),
            "married": bool(rng.integers(2)),
            "hours": int(rng.integers(1, 99)),
        }
        for _ in range(count)
    ]
