"""
Where the Triton kernels' tests run: in Triton's interpreter on the CPU, or on a GPU.

The environment says so: `TRITON_INTERPRET=1`, or `FFF_TEST_DEVICE=cuda` (or `cuda:N`).
`test_kernels.py` starts a process for each of the two that can be had.
"""

import os

import torch

DEVICE = torch.device(os.environ.get("FFF_TEST_DEVICE", "cpu"))
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
EITHER = INTERPRETED or DEVICE.type == "cuda"
