"""
`python -m bench.vision RECIPE DATA STORE [--seeds N] [--time S]`: docs/vision.md's table.

Trains what the store lacks (an hour or more for each seed, on one core) and can be ended and
started again; then prints the table. Without `--time` nothing is timed.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from bench.vision.cells import DEPTHS, WIDTH, accuracies, cells, fill, name_of
from bench.vision.table import Figures, markdown
from bench.vision.times import times
from evaluation.datasets import load_data
from evaluation.report.machine import this_machine
from model_store.store import Store
from training.recipes import VISION_RECIPES


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, time and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.vision", description=__doc__)
    parser.add_argument("recipe", choices=VISION_RECIPES)
    parser.add_argument("data", type=Path, help="a folder with MNIST's or FashionMNIST's files")
    parser.add_argument("store", type=Path, help="where networks are kept; made if need be")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--time", type=float, default=0, metavar="S", help="seconds for each part")
    asked = parser.parse_args(arguments)
    asked.store.mkdir(parents=True, exist_ok=True)
    train, test = load_data(asked.data)
    store = Store(asked.store)
    every = [*cells(VISION_RECIPES[asked.recipe], asked.seeds)]
    fill(store, every, train, test, lambda line: print(line, flush=True))
    sides = [("dense", WIDTH), *((family, leaf) for leaf in DEPTHS for family in ("fff", "narrow"))]
    reached = {side: accuracies(store, *side, asked.seeds) for side in sides}
    taken = None
    if asked.time:
        print(f"{this_machine()}, {os.cpu_count()} processors")
        models = {name_of(*side, 0): store.load(name_of(*side, 0)) for side in sides}
        by_name = times(models, test, asked.time)
        taken = {side: by_name[name_of(*side, 0)] for side in sides}
    print("\n".join(markdown(Figures(reached, taken))))


if __name__ == "__main__":
    main()
