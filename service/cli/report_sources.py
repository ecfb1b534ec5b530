"""
What `fff-serve report` is about: labelled images, a field or a table; told by looking at `--data`.

Covered:      the rows that everything is measured on; what of a grid a store lacks.
Not covered:  measuring (`evaluation.report`), training (`training`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import typer

from service.cli.progress import steps
from service.cli.table_training import table_form, table_parts

if TYPE_CHECKING:
    from evaluation.image_folder import ImageForm
    from evaluation.report.quality import TestData
    from evaluation.tables import TableForm
    from training.field.recipe import FieldRecipe
    from training.grid_jobs import Job

DIGITS, TERRAIN = "digits", "terrain"
Missing = tuple[list[str], "Sequence[Job]"]
"""Names of all models of some grids, and jobs for those that a store lacks."""


class Source(Protocol):
    """
    Data to report on.

    Attributes:
        name: Of the data, in the report.
    """

    @property
    def name(self) -> str: ...

    def test_data(self) -> "TestData":
        """
        The rows that everything is measured on.

        Raises:
            DatasetError: They cannot be read.
        """

    def missing(self, grids: Sequence[str], seeds: Sequence[int], store: str | None) -> Missing:
        """
        What a store lacks of grids.

        Raises:
            RecipeError: A grid is none for these data, or a change reaches no network of it.
        """


@dataclass(frozen=True, slots=True)
class Images:
    """Labelled images, or the digits."""

    data: str
    form: "ImageForm"
    changes: dict[str, str]

    @property
    def name(self) -> str:
        from evaluation.data_names import name_of_data

        return self.data if self._path is None else name_of_data(self._path)

    @property
    def _path(self) -> Path | None:
        return None if self.data == DIGITS else Path(self.data)

    def test_data(self) -> "TestData":
        """Read the test part."""
        from evaluation.datasets import digits, load_test
        from evaluation.report.images import LabelledImages

        if self._path is None:
            return LabelledImages(digits()[1])
        with steps(f"reading {self.data}") as progress:
            return LabelledImages(load_test(self._path, self.form, progress))

    def missing(self, grids: Sequence[str], seeds: Sequence[int], store: str | None) -> Missing:
        """Look for networks of images."""
        from training.grid_run import missing_jobs

        return missing_jobs(grids, seeds, self._path, store, self.form, self.changes)


@dataclass(frozen=True, slots=True)
class Field:
    """A field: the terrain, a raster or a function."""

    data: str
    targets: tuple[str, ...]
    changes: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return Path(self.data).name

    @property
    def _source(self) -> str | None:
        return None if self.data == TERRAIN else self.data

    @property
    def _base(self) -> "FieldRecipe":
        from training.recipes import FIELD_RECIPES

        return FIELD_RECIPES["terrain" if self.data == TERRAIN else "field"]

    def test_data(self) -> "TestData":
        """Hold out what training holds out, and give the rest to the rivals."""
        from evaluation.fields import divide, load
        from evaluation.report.held_out import HeldOutSamples

        recipe = self._base.override(self.changes)
        with steps(f"reading {self.data}"):
            samples = load(recipe.data, self._source, self.targets, recipe.rows)
        return HeldOutSamples(*divide(samples, recipe.test_share))

    def missing(self, grids: Sequence[str], seeds: Sequence[int], store: str | None) -> Missing:
        """Look for networks of the field."""
        from training.field.grid_run import missing_field_jobs

        return missing_field_jobs(
            grids, seeds, self._source, self.targets, self._base, store, self.changes
        )


@dataclass(frozen=True, slots=True)
class Table:
    """A table with named columns."""

    data: str
    form: "TableForm"

    @property
    def name(self) -> str:
        return Path(self.data).name

    def test_data(self) -> "TestData":
        """Read both parts: the test part as training holds it out, the rest for the rivals."""
        from evaluation.report.held_out import HeldOutSamples

        return HeldOutSamples(*table_parts(Path(self.data), self.form))

    def missing(self, grids: Sequence[str], seeds: Sequence[int], store: str | None) -> Missing:
        """There are no grids of tables."""
        raise typer.BadParameter("--grid is of images or a field; --data is a table")


def source_of(
    data: str,
    targets: list[str] | None,
    table: "tuple[list[str] | None, list[str] | None]",
    form: "ImageForm",
    shaped: bool,
    changes: dict[str, str],
) -> Source:
    """
    Tell what data are.

    Args:
        data: A path, `MODULE:FUNCTION`, `digits` or `terrain`.
        targets: Of `--target`, which a field or a table has.
        table: Columns of `--category` and of `--leave-out`.
        form: What images are brought to.
        shaped: Whether that was asked for.
        changes: Of the recipe.

    Raises:
        BadParameter: Options are of other data than these.
    """
    from evaluation.tables import is_table

    if shaped and (data in (DIGITS, TERRAIN) or _is_field(data) or is_table(Path(data))):
        raise typer.BadParameter("--image-size and --grey are of --data, a folder of images")
    if _is_field(data):
        table_form(None, targets, *table, needed=False)
        return Field(data, tuple(targets or ()), changes)
    columns = table_form(Path(data), targets, *table, needed=False)
    if columns is not None:
        return Table(data, columns)
    if targets:
        raise typer.BadParameter("--target is of a field or a table in --data")
    return Images(data, form, changes)


def _is_field(data: str) -> bool:
    from evaluation.array_files import holds_labels
    from evaluation.functions import is_function
    from evaluation.rasters import SUFFIXES

    path = Path(data)
    if path.is_file():
        ending = path.suffix.lower()
        return ending in SUFFIXES and not (ending == ".npz" and holds_labels(path))
    return data == TERRAIN or (is_function(data) and not path.exists())
