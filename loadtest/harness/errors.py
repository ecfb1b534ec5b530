"""What can go wrong with a load test, as one error whose message is the whole story."""


class LoadTestError(RuntimeError):
    """A load test that cannot run, or whose figures would mean nothing."""
