"""Hard-descent inference on NVIDIA GPUs, in Triton."""
