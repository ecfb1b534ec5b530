"""
Which epoch is kept, and when training stops: the policy alone, without a network.

Of the epochs that may be kept, the best on the held-out rows is; of equally good ones the latest,
whose decisions have hardened longest. Patience counts from the last epoch that was strictly better,
and never from before the hardening has its full weight: until then every epoch trains for another
loss.
"""


class Selection:
    """
    Fed one epoch after another, it names the one to keep.

    Args:
        patience: Epochs without a better accuracy after which to stop.
        ramp_epochs: Epochs before the patience begins to count.
        first: The first epoch that may be kept.
    """

    def __init__(self, patience: int, ramp_epochs: int = 0, first: int = 1):
        self._patience = patience
        self._ramp_epochs = ramp_epochs
        self._first = first
        self._best = -1.0
        self._improved = 0

    def keeps(self, epoch: int, accuracy: float) -> bool:
        """Record the accuracy (0 to 1) of an epoch (from 1): whether it is to be kept."""
        if epoch < self._first:
            return False
        if accuracy > self._best:
            self._improved = epoch
        if accuracy < self._best:
            return False
        self._best = accuracy
        return True

    def is_over(self, epoch: int) -> bool:
        """Whether to stop after this epoch."""
        since = max(self._improved, self._ramp_epochs, self._first - 1)
        return epoch - since >= self._patience

    def state(self) -> tuple[float, int]:
        """What it remembers, for `restore`."""
        return self._best, self._improved

    def restore(self, state: tuple[float, int]) -> None:
        """Remember what another one did."""
        self._best, self._improved = state
