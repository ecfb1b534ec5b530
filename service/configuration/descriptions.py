"""
What the `Attributes` of a class's docstring say, for whoever explains them: help and documents.

The docstring is the one place where an attribute is described; nothing has to be kept equal.

Not covered:  docstrings of other forms; an interpreter that drops them (`-OO`) gives no attributes.
"""

import inspect
import re

_ATTRIBUTE = re.compile(r"^    (\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=\.)\s+(?=[A-Z0-9`])")


def attributes(of: type) -> dict[str, str]:
    """Each attribute's description, on one line, in the docstring's order."""
    _, _, described = inspect.cleandoc(of.__doc__ or "").partition("Attributes:\n")
    return {name: " ".join(text.split()) for name, text in _ATTRIBUTE.findall(described)}


def first_sentence(text: str) -> str:
    """As much of a description as a list of many has room for."""
    return _SENTENCE.split(text, maxsplit=1)[0]
