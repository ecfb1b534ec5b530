"""Which models of a store name another one as their baseline."""

from collections.abc import Iterator
from contextlib import suppress

from model_store.errors import BaselineInUse, StoreError
from model_store.store import Store


def require_no_dependants(store: Store, name: str, version: int | None = None) -> None:
    """
    Check that no model loses its baseline by a removal; what is damaged is passed over.

    Args:
        store: Has the models.
        name: Of the model that is to be removed.
        version: The only one that is, or None.

    Raises:
        BaselineInUse: Naming the models that would.
    """
    if version is not None and store.versions(name) != [version]:
        return
    needing = [model for model in store.models() if name in _baselines(store, model)]
    if needing:
        raise BaselineInUse(
            f"model {name!r} is the baseline of {', '.join(needing)}, which could be compared with "
            "nothing then; remove that first, or use --force"
        )


def _baselines(store: Store, name: str) -> Iterator[str | None]:
    with suppress(StoreError):
        for version in store.versions(name):
            with suppress(StoreError):
                yield store.manifest(name, version).baseline
