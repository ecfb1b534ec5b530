"""What can go wrong with a device or an implementation on it."""

import torch


class DeviceUnavailable(RuntimeError):
    """A device that was requested by name and is not present."""


class BackendUnavailable(RuntimeError):
    """A backend that was requested by name, or chosen for a device, and cannot run there."""


class DeviceLost(RuntimeError):
    """
    A device that failed while it computed: nothing in this process can use it any more.

    A CUDA context that has met an error once, an illegal address for one, answers every later
    call with that error.
    """


def device_error(device: torch.device, error: torch.AcceleratorError) -> Exception:
    """
    What an error of CUDA means for whoever computes on the device.

    Only a lack of memory leaves the context usable, and stays the error that it is.
    """
    if "out of memory" in str(error):
        return error
    return DeviceLost(f"{device} failed: {error}".splitlines()[0])
