"""
How many threads PyTorch computes with on the CPU, for as long as something is timed or repeated.

Unless told otherwise it takes one a core. On a machine with anything else to do, its threads then
wait for each other: a demo network of 128 neurons took up to 1,223 times its time (2 cores, busy).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Have PyTorch compute with that many threads, then with as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
