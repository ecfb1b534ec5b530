"""Why something cannot be released."""


class ReleaseRefused(Exception):
    """A check that failed; the message says what was expected and what is there."""
