"""Our kernels on a GPU against what stands there otherwise: `python -m bench.gpu`."""
