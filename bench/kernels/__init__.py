"""Kernels against their ceilings and against dense layers: `python -m bench.kernels`."""
