"""How much memory torch has taken for this process beside what Python counts."""

import torch


def reserved_device_bytes(device: torch.device) -> int:
    """Memory of a GPU that torch has taken for this process, in use or kept; 0 on a CPU."""
    return torch.cuda.memory_reserved(device) if device.type == "cuda" else 0


def pinned_bytes() -> int:
    """Host memory that is pinned for copies to GPUs, in use or kept; 0 without one."""
    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return 0
    return int(torch.cuda.host_memory_stats().get("allocated_bytes.current", 0))
