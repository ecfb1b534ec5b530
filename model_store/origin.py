"""
Where a checkpoint comes from: somebody else's file, somebody's own model, or a training run here,
which can be repeated.
"""

from typing import Annotated, Literal

from pydantic import Field

from model_store.strict import Strict

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ImportOrigin(Strict):
    """A checkpoint somebody else published."""

    how: Literal["import"] = "import"
    format: str
    sha256: Sha256


class ModuleOrigin(Strict):
    """
    A model that somebody put together and trained in Python.

    Attributes:
        torch: The version of PyTorch that it was published with.
        notes: What its author says of it.
    """

    how: Literal["module"] = "module"
    torch: str
    notes: Annotated[str, Field(max_length=4096)] = ""


class TrainingOrigin(Strict):
    """
    A checkpoint trained here: what repeats it, and what came of it.

    Attributes:
        recipe: Its fields by name.
        seed: Of everything that is drawn.
        data_sha256: Of the training rows; None where older versions trained it.
        test_sha256: Of the test rows, likewise.
        metrics: Accuracies, errors and the like, by name.
        seconds: That the training took, on the machine of then; None where nobody took the time.
            Of two checkpoints that differ in nothing else there is one.
        curve: A list for each quantity, one number for each epoch.
    """

    how: Literal["training"] = "training"
    recipe: dict[str, str | int | float | bool]
    seed: int
    data_sha256: Sha256 | None = None
    test_sha256: Sha256 | None = None
    metrics: dict[str, float]
    seconds: Annotated[float, Field(ge=0)] | None = None
    curve: dict[str, list[float]] = {}


Origin = Annotated[ImportOrigin | ModuleOrigin | TrainingOrigin, Field(discriminator="how")]
