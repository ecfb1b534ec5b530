"""
Which models of a store a report measures: the newest version of each that takes the test data.

What is left out is named with the reason, so that a report is never silently short of a model.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch

from evaluation.errors import EvaluationError
from evaluation.report.quality import TestData
from model_store.errors import StoreError
from model_store.manifest import TrainingOrigin
from model_store.store import Checkpoint, Store


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A model that is not in the report, and why."""

    model: str
    why: str


@dataclass(slots=True)
class Candidates:
    """
    Models to measure, loaded one at a time.

    Attributes:
        names: Those whose manifests fit the test data.
        left_out: The others, and what turns out not to load or to be there twice.
    """

    store: Store
    names: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.names)

    def checkpoints(self) -> Iterator[Checkpoint]:
        """Load them, leaving out what is damaged."""
        for name in self.names:
            try:
                yield self.store.load(name)
            except StoreError as exc:
                self.left_out.append(LeftOut(name, str(exc)))


def find_candidates(store: Store, patterns: Sequence[str], test: TestData) -> Candidates:
    """
    Look through a store's manifests.

    Args:
        store: Where they are.
        patterns: Names with `*` and `?`; none for all models but those of other data.
        test: What they must take.

    Raises:
        EvaluationError: If a pattern fits no name, or no model takes the data.
        StoreError: If the store cannot be listed.
    """
    models = store.models()
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in models):
            known = ", ".join(models) or "none"
            raise EvaluationError(f"no model is named like {pattern!r}; the store holds: {known}")
    found = Candidates(store)
    for name in models:
        if patterns and not any(fnmatch(name, pattern) for pattern in patterns):
            continue
        why = _why_not(store, name, test, named=bool(patterns))
        if why is None:
            found.names.append(name)
        else:
            found.left_out.append(LeftOut(name, why))
    if not found.names:
        raise EvaluationError(_none_found(found.left_out, test))
    return found


def _why_not(store: Store, name: str, test: TestData, named: bool) -> str | None:
    try:
        manifest = store.manifest(name)
    except StoreError as exc:
        return str(exc)
    if (why := test.why_not(manifest)) is not None:
        return why
    origin = manifest.origin
    known = origin.test_sha256 if isinstance(origin, TrainingOrigin) else None
    if not named and known not in (None, test.sha256):
        return "was trained for other data; measured where --models names it"
    return None


def _none_found(left_out: Sequence[LeftOut], test: TestData) -> str:
    if not left_out:
        return "a report needs at least one model, the store holds none: train one first"
    first = "; ".join(f"{each.model}: {each.why}" for each in left_out[:3])
    more = f"; and {len(left_out) - 3} more" if len(left_out) > 3 else ""
    return f"{test.name}: no model in the store takes these rows: {first}{more}"
