"""
The option that changes a recipe's fields, as the commands that train share it.

Covered:      FIELD=VALUE, as text.
Not covered:  which fields there are and what they take (`training.recipe`).
"""

from typing import Annotated

import typer

ChangeOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Change a field of the recipe; repeatable."),
]


def fields_to_change(changes: list[str] | None) -> dict[str, str]:
    """
    Names and values.

    Raises:
        BadParameter: One has no `=`.
    """
    for change in changes or []:
        if "=" not in change:
            raise typer.BadParameter(f"--set takes FIELD=VALUE, got {change!r}")
    return dict(change.split("=", 1) for change in changes or [])
