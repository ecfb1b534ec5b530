"""
What to say where a package of an optional extra is missing: the one place that names extras.

Covered:      the sentence. `tests/test_extras.py` holds the names against pyproject.toml.
"""


def needs_extra(what: str, extra: str) -> str:
    """
    Say which extra something needs, and how to get it from a checkout and from a release.

    Args:
        what: Needs it; the sentence begins with this.
        extra: A name among the project's optional dependencies.
    """
    return (
        f"{what} needs the extra {extra}: make install EXTRAS={extra} in a checkout, "
        f'or pip install "fff-serve[{extra}]"'
    )
