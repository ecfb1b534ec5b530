"""Hard-descent inference on CPUs, compiled with Numba."""
