"""
Recipes whose fields can be changed by name, as `--set` does.

Covered:      text for every type of field; ranges and choices; messages that name the field.
Not covered:  what fields must be together: a recipe checks that when it is made.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Self

from training.errors import RecipeError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Base = DataclassInstance
else:
    Base = object


class Overridable(Base):
    """A frozen dataclass of texts and numbers, the first of them its `name`."""

    __slots__ = ()

    def fields(self) -> dict[str, str | int | float | bool]:
        """Name and value of every field, for a manifest."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def check(
        self, ranges: Mapping[str, tuple[float, float]], choices: Mapping[str, tuple[str, ...]]
    ) -> None:
        """
        Refuse what no such recipe can have.

        Args:
            ranges: Least and most of a field, both included.
            choices: What a field may be.

        Raises:
            RecipeError: Naming the field, what was expected, and what it is.
        """
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:  # NaN is in no range
                raise RecipeError(f"{name} must be {low:g} to {high:g}, got {value:g}")
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise RecipeError(
                    f"{name} must be one of {', '.join(known)}; got {getattr(self, name)!r}"
                )

    def override(self, values: Mapping[str, str | int | float]) -> Self:
        """
        Change fields by name; text is read as the field's type.

        Raises:
            RecipeError: If a field is unknown or a value cannot be one.
        """
        types = {field.name: field.type for field in fields(self) if field.name != "name"}
        for name in values:
            if name not in types:
                raise RecipeError(
                    f"a recipe has no field {name!r}; it has: {', '.join(sorted(types))}"
                )
        changed = {name: _read(name, types[name], value) for name, value in values.items()}
        return replace(self, **changed)


def _read(name: str, kind: Any, value: str | int | float) -> Any:
    accepted = {str: (str,), int: (str, int), float: (str, int, float)}[kind]
    if isinstance(value, accepted) and not isinstance(value, bool):
        with suppress(ValueError):
            return kind(value)
    raise RecipeError(f"{name} must be {kind.__name__}, got {value!r}")
