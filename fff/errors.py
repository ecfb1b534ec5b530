"""What can go wrong with a device or an implementation on it."""


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
